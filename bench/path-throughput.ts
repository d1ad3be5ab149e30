/**
 * The way of frames through the program without a network: a clip of 1920×1080 decoded, turned to RGB, handed through
 * an upscaler that changes nothing, turned back, encoded, joined with its sound and checked, as a ratio to plain
 * `ffmpeg -c:v libx264` of the same clip with the same quality and preset. Goal: at least 0.7.
 * `npx tsx bench/path-throughput.ts [--frames 240] [--runs 2]`
 */
import assert from "node:assert";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { execa } from "execa";
import { findFfmpeg, type Ffmpeg } from "../engine/media/ffmpeg.ts";
import { runFfmpeg } from "../engine/media/ffmpeg-process.ts";
import { workerEnvironment } from "../src/config.ts";
import { numberOptions, report, timed } from "./figures.ts";
import type { OwnPath } from "./print-own-path.ts";
import { makeTestClip } from "./test-clip.ts";

const [WIDTH, HEIGHT] = [1920, 1080];
/** What the program takes for H.264 without a wish. */
const ENCODER = ["-c:v", "libx264", "-preset", "medium", "-crf", "17"];

async function plainFfmpeg(ffmpeg: Ffmpeg, source: string, output: string): Promise<number> {
  return timed(async () => {
    const all = ["-v", "error", "-y", "-i", source, ...ENCODER, "-c:a", "copy", output];
    const { exitCode, stderr } = await runFfmpeg(ffmpeg.path, all);
    assert.equal(exitCode, 0, stderr);
  });
}

/** The program's way, in a process of its own with the environment of the product's worker. */
async function program(source: string, folder: string): Promise<OwnPath> {
  const script = resolve(import.meta.dirname, "print-own-path.ts");
  const options = { env: workerEnvironment(), extendEnv: false };
  const { stdout } = await execa(process.execPath, ["--import", "tsx", script, source, folder], options);
  return JSON.parse(stdout) as OwnPath;
}

const { frames, runs } = numberOptions({ frames: 240, runs: 2 });
const folder = await mkdtemp(join(tmpdir(), "seedvr2-bench-"));
try {
  const ffmpeg = await findFfmpeg(null);
  const source = await makeTestClip(folder, { size: `${WIDTH}x${HEIGHT}`, frames });
  const plain: number[] = [];
  const own: OwnPath[] = [];
  const output = join(folder, "plain.mp4");
  for (let run = 0; run < runs; run++) {
    plain.push(await plainFfmpeg(ffmpeg, source, output));
    own.push(await program(source, folder));
  }
  plain.push(await plainFfmpeg(ffmpeg, source, output));
  const best = own.reduce((one, other) => (other.milliseconds < one.milliseconds ? other : one));
  const row = (name: string, milliseconds: number, bytes: number) => [
    name,
    (milliseconds / frames).toFixed(1),
    (bytes / frames / 1000).toFixed(1),
  ];
  const { size } = await stat(output);
  const rows = await Promise.all(
    own.map(async (each) => row("program", each.milliseconds, (await stat(each.output)).size)),
  );
  report(
    [`${frames} frames of ${WIDTH}×${HEIGHT}, ${ffmpeg.version}`, "ms a frame", "kB a frame"],
    [
      ...plain.map((milliseconds) => row("plain ffmpeg", milliseconds, size)),
      ...rows,
      ["ratio (goal 0.7)", (Math.min(...plain) / best.milliseconds).toFixed(3), ""],
    ],
  );
  const { decode, upscale, encode } = best.trace.seconds;
  const stages = `decode ${decode} s, upscale ${upscale} s, encode ${encode} s of ${best.trace.wallSeconds} s`;
  process.stdout.write(`stages busy: ${stages}; all ${best.milliseconds / 1000} s\n`);
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
