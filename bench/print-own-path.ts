/**
 * Takes a clip through the program at its own size with an upscaler that changes nothing, and prints how long that took
 * as JSON (`OwnPath`). Run by path-throughput.ts: `print-own-path.ts SOURCE FOLDER`.
 */
import assert from "node:assert";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { findFfmpeg } from "../engine/media/ffmpeg.ts";
import { probeMedia } from "../engine/media/probe.ts";
import { enlargeClip } from "../engine/pipeline/enlarge-clip.ts";
import type { Job } from "../engine/pipeline/job.ts";
import type { TraceSummary } from "../engine/pipeline/trace.ts";
import type { Upscaler } from "../engine/upscalers/upscaler.ts";
import { timed } from "./figures.ts";

export interface OwnPath {
  readonly milliseconds: number;
  readonly trace: TraceSummary;
  readonly output: string;
}

const identity: Upscaler = {
  plan: { owned: 1, before: 0, after: 0 },
  notes: [],
  upscale: async ({ frames, owned: { start, count } }) => frames.slice(start, start + count),
  close: async () => {},
};

async function ownPath(source: string, folder: string): Promise<OwnPath> {
  const ffmpeg = await findFfmpeg(null);
  const workDir = await mkdtemp(join(folder, "work-"));
  const output = join(workDir, "result.mp4");
  let trace: TraceSummary | null = null;
  const milliseconds = await timed(async () => {
    const info = await probeMedia(ffmpeg, source);
    assert(info.kind === "clip");
    const { width, height } = info;
    const job: Job = {
      ...{ taskId: "bench", kind: "video", inputPath: source, target: { width, height }, parameters: {} },
      ...{ model: { name: "identity", kind: "builtin", path: "" }, ffmpeg, format: "mp4", workDir, segmentFrames: 250 },
      partPath: output,
    };
    const tools = { upscaler: identity, onProgress: () => undefined, onSegment: () => undefined };
    ({ trace } = await enlargeClip(job, info, tools));
  });
  assert(trace);
  return { milliseconds, trace, output };
}

const [source, folder] = process.argv.slice(2);
assert(source && folder, "a source and a folder are given");
process.stdout.write(JSON.stringify(await ownPath(source, folder)));
