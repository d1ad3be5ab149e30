import { join } from "node:path";
import { expect, it } from "vitest";
import { readClip } from "../../engine/media/clip-reader.ts";
import type { Frame } from "../../engine/media/frame.ts";
import { enlargeClip } from "../../engine/pipeline/enlarge-clip.ts";
import type { Job } from "../../engine/pipeline/job.ts";
import type { Upscaler } from "../../engine/upscalers/upscaler.ts";
import { identityUpscaler } from "../contracts/identity-upscaler.ts";
import { combing, interlacedClip } from "../media/interlaced.ts";
import { allFrames, ffmpegCommand } from "../media/media-files.ts";
import { probeClip } from "../media/round-trip.ts";
import { clipJobs } from "./clip-job.ts";

/** A clip of three grey frames, its luma as ffmpeg's expression has it. */
const greyClip =
  (pixelFormat: string, luma: string, range = "tv") =>
  async (folder: string): Promise<string> => {
    const path = join(folder, "grey.mkv");
    const chroma = pixelFormat.includes("10") ? "cb=512:cr=512" : "cb=128:cr=128";
    ffmpegCommand(
      ...["-f", "lavfi", "-i", `color=s=64x48:r=25:d=0.12,format=${pixelFormat},geq=lum='${luma}':${chroma}`],
      ...["-vf", `setparams=range=${range}`, "-color_range", range, "-pix_fmt", pixelFormat, "-c:v", "ffv1", path],
    );
    return path;
  };

interface Task {
  readonly source: (folder: string) => Promise<string>;
  readonly format: string;
  readonly parameters: Job["parameters"];
}

/** What a task gives its upscaler, what it makes of it, and what it says. */
async function done({ source, format, parameters }: Task) {
  const { jobIn, info, ffmpeg } = await clipJobs(0, { source, parameters });
  const job = await jobIn("task", { format });
  const depths = new Set<number>();
  const identity = identityUpscaler();
  const upscaler: Upscaler = {
    ...identity,
    upscale: (batch, target) => {
      for (const { depth } of batch.frames) depths.add(depth);
      return identity.upscale(batch, target);
    },
  };
  const { notes } = await enlargeClip(job, info, { upscaler, onProgress: () => {}, onSegment: () => {} });
  const frames = await allFrames(readClip(ffmpeg, job.partPath, await probeClip(ffmpeg, job.partPath)));
  return { depths: [...depths], frames, notes: notes.join(" ") };
}

const middle = (frames: readonly Frame[]) => frames[Math.floor(frames.length / 2)];

it("a task makes whole frames of fields where asked to, else warns", async () => {
  const source = async (folder: string) => {
    interlacedClip(join(folder, "fields.mkv"), "bottom", ["-c:v", "ffv1"]);
    return join(folder, "fields.mkv");
  };
  const task = { source, format: "mkv", parameters: { codec: "ffv1" } };
  const combed = await done(task);
  expect(combing(middle(combed.frames))).toBeGreaterThan(10);
  expect(combed.notes).toMatch(/interlaced.*as they are/);
  const whole = await done({ ...task, parameters: { codec: "ffv1", deinterlace: true } });
  expect(combing(middle(whole.frames))).toBeLessThan(1);
  expect(whole.notes).toMatch(/made whole/);
  expect(whole.frames).toHaveLength(combed.frames.length);
});

it("a task dithers to 8 bits where asked to, else rounds", async () => {
  // 471 of 1023 lies between 117 and 118 of 255.
  const source = greyClip("yuv420p10le", "471");
  const task = { source, format: "mp4", parameters: { codec: "h264", quality: 100 } };
  const greys = async (dither: boolean) => {
    const { frames } = await done({ ...task, parameters: { ...task.parameters, dither } });
    const values = Array.from(middle(frames)?.rgb ?? []);
    return { values: new Set(values), mean: values.reduce((sum, value) => sum + value, 0) / values.length };
  };
  const rounded = await greys(false);
  const dithered = await greys(true);
  expect(rounded.values.size).toBe(1);
  expect(dithered.values.size).toBeGreaterThan(1);
  expect(rounded.mean - dithered.mean).toBeGreaterThan(0.1);
  expect(rounded.mean - dithered.mean).toBeLessThan(0.5);
});

it.each([
  ["8-bit clips to 8 bits", "yuv420p", "tv", { codec: "h264" }, 8],
  ["8-bit clips to 10 bits", "yuv420p", "tv", { codec: "prores_422hq" }, 16],
  ["8-bit clips that are dithered", "yuv420p", "tv", { codec: "h264", dither: true }, 16],
  ["full-range clips, finer than RGB of 8 bits", "yuv420p", "pc", { codec: "h264" }, 16],
  ["10-bit clips to 8 bits", "yuv420p10le", "tv", { codec: "h264" }, 16],
] as const)("frames of %s travel with as many bits as keep all", async (_what, pixelFormat, range, wish, depth) => {
  const format = wish.codec === "h264" ? "mp4" : "mov";
  const { depths } = await done({ source: greyClip(pixelFormat, "X*2+60", range), format, parameters: wish });
  expect(depths).toEqual([depth]);
});
