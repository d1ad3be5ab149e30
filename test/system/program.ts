import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import installer from "@ffmpeg-installer/ffmpeg";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { expect, onTestFinished, vi } from "vitest";
import { connectEngine } from "../../engine/index.ts";
import type { Engine, TaskResult } from "../../engine/index.ts";
import { readEngineFile } from "../../engine/owner/engine-file.ts";

/** What users and hosts run. */
const entry = resolve(import.meta.dirname, "../../bin/seedvr2.js");

/** A machine of the test's own: state, outputs and settings apart from all others; its engine ends with the test. */
export class TestMachine {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;

  private constructor(folder: string, settings: Record<string, string>) {
    this.folder = folder;
    this.env = {
      ...process.env,
      SEEDVR2_STATE_DIR: join(folder, "state"),
      SEEDVR2_CONFIG: "",
      OUTPUT_FOLDER: join(folder, "out"),
      SEEDVR2_ALLOWED_FOLDERS: folder,
      PORT: "0",
      SEEDVR2_SEGMENT_FRAMES: "10",
      GPU_IDLE_TIMEOUT: "60",
      // Debian's takes 0.2 s to start, which these tests would spend most of their time on; "" has it looked for.
      FFMPEG_PATH: installer.path,
      ...settings,
    };
  }

  static async make(settings: Record<string, string> = {}): Promise<TestMachine> {
    const folder = await mkdtemp(join(tmpdir(), "seedvr2-test-"));
    const machine = new TestMachine(folder, settings);
    for (const [name, value] of Object.entries(machine.env)) vi.stubEnv(name, value);
    onTestFinished(() => machine.end());
    return machine;
  }

  get stateDir(): string {
    return String(this.env["SEEDVR2_STATE_DIR"]);
  }

  get outputs(): string {
    return join(this.folder, "out");
  }

  /** The engine as our own processes see it, started when it is first asked. */
  engine(changes: { outputFolder?: string } = {}): Engine {
    return connectEngine({
      stateDir: this.stateDir,
      caller: {
        outputFolder: changes.outputFolder ?? this.outputs,
        allowedFolders: [this.folder],
        defaultModel: null,
        engineSettings: {},
      },
      launch: { command: process.execPath, args: [entry, "serve", "--idle-exit"] },
      version: programVersion,
      apiUrl: null,
      apiToken: null,
    });
  }

  /** Starts the program with arguments; its exit is waited for when the test ends. */
  start(args: readonly string[], options: { cwd?: string } = {}): ChildProcess {
    const child = spawn(process.execPath, [entry, ...args], { env: this.env, cwd: options.cwd ?? this.folder });
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  }

  /** Runs the program to its end. */
  async run(args: readonly string[], input = ""): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = this.start(args);
    let [stdout, stderr] = ["", ""];
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin?.end(input);
    const code = await new Promise<number | null>((done) => child.on("close", done));
    return { code, stdout, stderr };
  }

  /** A real MCP client over a real server process. */
  async mcpClient(): Promise<Client> {
    const client = new Client({ name: "test", version: "1" });
    const env = Object.fromEntries(Object.entries(this.env).filter(([, value]) => value !== undefined));
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [entry, "mcp"],
      env: env as Record<string, string>,
      stderr: "ignore",
    });
    await client.connect(transport);
    onTestFinished(() => client.close());
    return client;
  }

  /** The address of the running engine's REST. */
  url(path: string): string {
    return `http://127.0.0.1:${readEngineFile(this.stateDir)?.port}${path}`;
  }

  enginePid(): number {
    const pid = readEngineFile(this.stateDir)?.pid;
    expect(pid, "an engine is running").toBeDefined();
    return pid!;
  }

  /** Ends the engine and checks that nothing of this machine is left running. */
  async end(): Promise<void> {
    const running = readEngineFile(this.stateDir);
    if (running && isAlive(running.pid)) {
      process.kill(running.pid, "SIGTERM");
      await until(() => !isAlive(running.pid), "the engine has ended");
    }
    await until(() => this.processes().length === 0, `no process of the test is left: ${this.processes().join("; ")}`);
    vi.unstubAllEnvs();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Command lines of live processes that were started for this machine (Linux; none elsewhere). */
  processes(): string[] {
    const own = processIds().filter((pid) => pid !== process.pid && readProc(pid, "environ").includes(this.folder));
    return own.map((pid) => readProc(pid, "cmdline").replaceAll("\0", " ")).filter(Boolean);
  }

  async outputNames(): Promise<string[]> {
    return readdir(this.outputs).catch(() => []);
  }
}

export const programVersion = (
  JSON.parse(readFileSync(resolve(import.meta.dirname, "../../package.json"), "utf8")) as { version: string }
).version;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Looks until something holds; fails with what was waited for. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, seconds = 30): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) expect.fail(`waited ${seconds} s in vain until ${what}`);
    await sleep(50);
  }
}

/** The process that a process has started whose command line holds a word (Linux). */
export function childOf(pid: number, word: string): number | undefined {
  const parentOf = (id: number) => Number(/\) \S (\d+)/.exec(readProc(id, "stat"))?.[1]);
  return processIds().find((id) => parentOf(id) === pid && readProc(id, "cmdline").includes(word));
}

/** A process's environment as the system shows it, NAME=VALUE by NAME=VALUE (Linux). */
export function environmentOf(pid: number): string[] {
  return readProc(pid, "environ").split("\0");
}

function processIds(): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/** What the system says of a process; nothing where it has just ended. */
function readProc(pid: number, what: "cmdline" | "environ" | "stat"): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, "utf8");
  } catch {
    return "";
  }
}

/** The state of a task, waited for to its end. */
export async function ended(engine: Engine, id: string, seconds = 120): Promise<TaskResult> {
  return engine.call("wait_for_task", { task_id: id, timeout: seconds });
}
