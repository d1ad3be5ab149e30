/**
 * `npm run demo`: enlarges a picture and a clip with sound over MCP, as a host does: it starts the server, lists its
 * tools, submits both and waits. State folder and engine are its own and are gone at the end; the results stay in the
 * system's temporary folder. Exit code 1 if anything is not as it should be.
 */
import assert from "node:assert";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { tsImport } from "tsx/esm/api";

const entry = fileURLToPath(new URL("../bin/seedvr2.js", import.meta.url));
const mediaFolder = fileURLToPath(new URL("demo", import.meta.url));
/** Both are enlarged by this. */
const scale = 2;
const jobs = [
  { name: "picture", tool: "submit_image_task", input: join(mediaFolder, "harbour.png") },
  { name: "clip", tool: "submit_video_task", input: join(mediaFolder, "harbour.mp4") },
];
/** Milliseconds for an engine that was asked to stop. */
const stopPatience = 20_000;

const say = (line = "") => process.stdout.write(`${line}\n`);
const secondsSince = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`;

/** Folders of this run, and the settings that keep it apart from the user's own engine. */
async function makePlace() {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "seedvr2-demo-")));
  const [state, results] = [join(folder, "state"), join(folder, "results")];
  await mkdir(state);
  await mkdir(results);
  const settingsFile = join(state, "settings.json");
  await writeFile(settingsFile, "{}");
  const settings = {
    SEEDVR2_CONFIG: settingsFile,
    SEEDVR2_STATE_DIR: state,
    SEEDVR2_ALLOWED_FOLDERS: [mediaFolder, results].join(process.platform === "win32" ? ";" : ":"),
    OUTPUT_FOLDER: results,
    PORT: "0",
    // Should this process be killed, the engine does not stay for long.
    SEEDVR2_ENGINE_IDLE: "60",
  };
  return { state, results, settings };
}

/** Starts the server and shakes hands; the SDK gives it a bare environment, as hosts do. */
async function connect(client, settings) {
  const begun = performance.now();
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [entry, "mcp"], env: settings }));
  const { tools } = await client.listTools();
  say(`The MCP server answered after ${secondsSince(begun)} and has ${tools.length} tools:`);
  say(`  ${tools.map(({ name }) => name).join(", ")}`);
}

/** Calls a tool; what it answers as structured content. Rejects with the tool's own words if it fails. */
async function call(client, name, given, options) {
  const { isError, content, structuredContent } = await client.callTool({ name, arguments: given }, undefined, options);
  if (isError) throw new Error(content.map(({ text }) => text).join("\n"));
  return structuredContent;
}

/** Submits a job and waits until it has ended; the job with its task and how long it took from the call on. */
async function work(client, job, signal) {
  const begun = performance.now();
  const { task_id } = await call(client, job.tool, { file_path: job.input, scale });
  say(`\n${job.name}: ${job.tool} answered task ${task_id} after ${secondsSince(begun)}`);
  const bar = progressLine();
  let task;
  do {
    const options = { signal, onprogress: bar.show, resetTimeoutOnProgress: true };
    task = await call(client, "wait_for_task", { task_id }, options);
  } while (task.timed_out);
  bar.end();
  assert.equal(task.status, "completed", task.error ?? `The task is ${task.status}.`);
  return { ...job, task, took: secondsSince(begun) };
}

/** On a terminal one line that is written over, else a line a report. */
function progressLine() {
  const isTerminal = process.stdout.isTTY;
  return {
    show: ({ progress, message }) => {
      const text = `  ${String(Math.floor(progress)).padStart(3)} %  ${message ?? ""}`;
      process.stdout.write(isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
    },
    end: () => process.stdout.write(isTerminal ? "\r\x1b[K" : ""),
  };
}

/** Looks at input and result with the program's own eyes and says what they are. */
async function report({ name, input, task, took }, probe) {
  const [before, after] = [await probe(input), await probe(task.output_path)];
  const size = async (path) => `${((await stat(path)).size / 1000).toFixed(1)} kB`;
  say(`\n${name}: ${task.output_path}`);
  say(`  from ${before.width}x${before.height} pixels, ${await size(input)}`);
  say(`  to   ${after.width}x${after.height} pixels, ${await size(task.output_path)}`);
  say(`  in   ${took}, of which the engine worked ${task.process_time.toFixed(1)} s`);
  assert.deepEqual([after.width, after.height], [before.width * scale, before.height * scale], "The size is wrong.");
  if (before.kind !== "clip") return;
  const sound = (info) => info.streams.find(({ type }) => type === "sound")?.codec ?? "none";
  say(`  ${before.frames} frames in, ${after.frames} out; sound: ${sound(before)} in, ${sound(after)} out`);
  assert(before.hasSound && after.hasSound, "The clip has lost its sound.");
  assert.equal(after.frames, before.frames, "The clip has lost frames.");
}

async function mediaProbe() {
  const { findFfmpeg } = await tsImport("../engine/media/ffmpeg.ts", import.meta.url);
  const { probeMedia } = await tsImport("../engine/media/probe.ts", import.meta.url);
  const ffmpeg = await findFfmpeg(null);
  return (path) => probeMedia(ffmpeg, path);
}

/** Ends the engine that the tool calls have started and waits until its process is gone. */
async function stopEngine({ state, settings }) {
  const engineFile = join(state, "engine.json");
  if (!existsSync(engineFile)) return;
  const { pid } = JSON.parse(await readFile(engineFile, "utf8"));
  await promisify(execFile)(process.execPath, [entry, "stop"], { env: { ...process.env, ...settings } });
  const patience = performance.now() + stopPatience;
  while (isAlive(pid)) {
    assert(performance.now() < patience, `The engine, process ${pid}, has not ended.`);
    await delay(50);
  }
  say(`\nThe engine, process ${pid}, has ended; nothing runs any more.`);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const begun = performance.now();
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interruption.abort(`Ended by ${signal}.`));
const place = await makePlace();
const client = new Client({ name: "seedvr2-demo", version: "1" });
try {
  await connect(client, place.settings);
  const done = [];
  for (const job of jobs) done.push(await work(client, job, interruption.signal));
  const probe = await mediaProbe();
  for (const each of done) await report(each, probe);
} catch (error) {
  process.stderr.write(`\nThe demo failed: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  await client.close();
  await stopEngine(place);
  await rm(place.state, { recursive: true, force: true, maxRetries: 5 });
}
if (!process.exitCode) say(`Done in ${secondsSince(begun)}. The results stay in ${place.results}`);
