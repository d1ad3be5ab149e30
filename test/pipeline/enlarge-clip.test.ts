import { readFile, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EngineError } from "../../engine/errors.ts";
import { chooseEncoding } from "../../engine/media/choose-encoding.ts";
import { type Frame, samples } from "../../engine/media/frame.ts";
import { enlargeClip } from "../../engine/pipeline/enlarge-clip.ts";
import type { Job } from "../../engine/pipeline/job.ts";
import { keepBatch, keptFrames } from "../../engine/pipeline/kept-batches.ts";
import type { Upscaler } from "../../engine/upscalers/upscaler.ts";
import { identityUpscaler } from "../contracts/identity-upscaler.ts";
import { clipsOfTimes, makeAwkwardClip } from "../media/awkward-clips.ts";
import { programs } from "../media/media-files.ts";
import { clipJobs, slowModel } from "./clip-job.ts";

const quiet = { onProgress: () => {}, onSegment: () => {} };

/** The identity, failing when it is to make frame `at`. */
function failingAt(at: number): Upscaler {
  const good = identityUpscaler();
  return {
    ...good,
    upscale: async (batch, target) => {
      if (batch.first >= at) throw new EngineError("worker_died", { what: "Killed by the test." });
      return good.upscale(batch, target);
    },
  };
}

/** Makes frames lighter by what depends on their batch and all frames of it, failing at frame `failAt`. */
function dependent(owned: number, failAt = Infinity): Upscaler {
  const plan = { owned, before: owned, after: 2 };
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    ...{ plan, notes: [], close: async () => {} },
    upscale: async ({ first, frames, owned: own }) => {
      if (first + own.start >= failAt) throw new EngineError("worker_died", { what: "Killed by the test." });
      const grey = Math.round(mean(frames.map(({ rgb }) => mean(Array.from(rgb)))));
      const lighter = (index: number) => (grey + 4 * index + 3 * (first + own.start)) % 40;
      return frames.slice(own.start, own.start + own.count).map((frame, index) => {
        const rgb = Uint8Array.from(frame.rgb, (value) => Math.min(255, value + lighter(index)));
        return { ...frame, rgb };
      });
    },
  };
}

const quickModel: Job["model"] = { name: "quick", kind: "builtin", path: "" };

describe("a clip", () => {
  it("goes on after its last finished segment, to the same bytes", async () => {
    const { jobIn, info } = await clipJobs(37);
    const whole = await jobIn("whole");
    await enlargeClip(whole, info, { ...quiet, upscaler: identityUpscaler() });

    const broken = await jobIn("broken");
    const finished: number[] = [];
    const onSegment = () => void finished.push(1);
    const first = enlargeClip(broken, info, { ...quiet, onSegment, upscaler: failingAt(26) });
    await expect(first).rejects.toMatchObject({ code: "worker_died" });
    expect(finished).toHaveLength(2);

    const starts: number[] = [];
    const counting = { ...identityUpscaler(), upscale: identityUpscaler().upscale };
    const upscaler: Upscaler = {
      ...counting,
      upscale: (batch, target) => {
        starts.push(batch.first);
        return counting.upscale(batch, target);
      },
    };
    const result = await enlargeClip(broken, info, { ...quiet, upscaler });
    expect(result).toMatchObject({ width: 64, height: 48, frames: 37 });
    expect(starts[0]).toBe(20);
    expect(await readFile(broken.partPath)).toEqual(await readFile(whole.partPath));
  });

  it.each([
    ["batches of 7 frames", 7, 0],
    ["batches of 7 frames and 3 in front", 7, 3],
    ["batches of 4 frames and 30 in front", 4, 30],
  ])("resumed within %s has the same bytes", async (_what, owned, prepend_frames) => {
    const { jobIn, info } = await clipJobs(37, { parameters: { prepend_frames } });
    const whole = await jobIn("whole");
    await enlargeClip(whole, info, { ...quiet, upscaler: dependent(owned) });

    const broken = await jobIn("broken");
    const first = enlargeClip(broken, info, { ...quiet, upscaler: dependent(owned, 26 + prepend_frames) });
    await expect(first).rejects.toMatchObject({ code: "worker_died" });
    const result = await enlargeClip(broken, info, { ...quiet, upscaler: dependent(owned) });
    expect(result).toMatchObject({ frames: 37 });
    expect(await readFile(broken.partPath)).toEqual(await readFile(whole.partPath));
  });

  /** Twenty-five frames of which three each have one time. */
  const repeating = (folder: string) =>
    makeAwkwardClip(clipsOfTimes["the same time again and again"]!, join(folder, "in.mkv"));

  it.each([
    ["within one time", { model: quickModel, failAt: 11 }],
    ["of kept batches", { model: slowModel, failAt: 17 }],
  ] as const)("with repeated times, resumed %s, has the same bytes", async (_what, { model, failAt }) => {
    const { jobIn, info } = await clipJobs(0, { source: repeating });
    const whole = await jobIn("whole", { model });
    await enlargeClip(whole, info, { ...quiet, upscaler: identityUpscaler() });

    const broken = await jobIn("broken", { model });
    const first = enlargeClip(broken, info, { ...quiet, upscaler: failingAt(failAt) });
    await expect(first).rejects.toMatchObject({ code: "worker_died" });
    const result = await enlargeClip(broken, info, { ...quiet, upscaler: identityUpscaler() });
    expect(result).toMatchObject({ frames: 25 });
    expect(await readFile(broken.partPath)).toEqual(await readFile(whole.partPath));
  });

  it("has the source's sound, frame for frame and byte for byte", async () => {
    const { jobIn, info } = await clipJobs(25);
    const job = await jobIn("sound");
    const progress: number[] = [];
    await enlargeClip(job, info, {
      ...quiet,
      onProgress: ({ share }) => progress.push(share),
      upscaler: identityUpscaler({ owned: 4, before: 2, after: 2 }),
    });
    const { runFfmpeg } = await import("../../engine/media/ffmpeg-process.ts");
    const soundOf = async (path: string, demuxer: string[]) => {
      const sum = ["-v", "error", ...demuxer, "-i", path, "-map", "0:a", "-c", "copy", "-f", "md5", "-"];
      return (await runFfmpeg(job.ffmpeg.path, sum)).stdout;
    };
    expect(await soundOf(job.partPath, ["-f", "mp4"])).toBe(await soundOf(job.inputPath, []));
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(await readdir(job.workDir)).toContain("manifest.json");
  });

  it("ends after the frames asked for, sound included", async () => {
    const { jobIn, info } = await clipJobs(50, { parameters: { preview_frames: 12 } });
    const job = await jobIn("preview");
    expect(await enlargeClip(job, info, { ...quiet, upscaler: identityUpscaler() })).toMatchObject({ frames: 12 });
    const { ffmpeg } = job;
    const { runFfmpeg } = await import("../../engine/media/ffmpeg-process.ts");
    const banner = await runFfmpeg(ffmpeg.path, ["-hide_banner", "-f", "mp4", "-i", job.partPath]);
    expect(banner.stderr).toMatch(/Duration: 00:00:00\.(4|5)/);
  });
});

describe("a slow model's batches", () => {
  const startsOf = (upscaler: Upscaler): { starts: number[]; upscaler: Upscaler } => {
    const starts: number[] = [];
    const upscale: Upscaler["upscale"] = (batch, target) => {
      starts.push(batch.first + batch.owned.start);
      return upscaler.upscale(batch, target);
    };
    return { starts, upscaler: { ...upscaler, upscale } };
  };

  it.each([
    ["5 frames, shorter than a segment", 5, 0],
    ["21 frames, across segments", 21, 0],
    ["101 frames, longer than segments", 101, 0],
    ["21 frames, with frames in front", 21, 7],
  ])("of %s are not computed again, and the bytes are the same", async (_what, owned, prepend_frames) => {
    const { jobIn, info } = await clipJobs(2 * owned + 9, { parameters: { prepend_frames } });
    const slow = { model: slowModel, segmentFrames: 40 };
    const whole = await jobIn("whole", slow);
    await enlargeClip(whole, info, { ...quiet, upscaler: dependent(owned) });

    const broken = await jobIn("broken", slow);
    const first = enlargeClip(broken, info, { ...quiet, upscaler: dependent(owned, 2 * owned) });
    await expect(first).rejects.toMatchObject({ code: "worker_died" });
    const { starts, upscaler } = startsOf(dependent(owned));
    await enlargeClip(broken, info, { ...quiet, upscaler });
    expect(starts[0]).toBe(2 * owned);
    expect(await readFile(broken.partPath)).toEqual(await readFile(whole.partPath));
    expect((await readdir(broken.workDir)).filter((name) => name.startsWith("batch"))).toEqual([]);
  });

  it("are computed again where their files are damaged or gone", async () => {
    const { jobIn, info } = await clipJobs(24);
    const whole = await jobIn("whole", { model: slowModel });
    await enlargeClip(whole, info, { ...quiet, upscaler: dependent(5) });
    for (const damage of [rm, (path: string) => truncate(path, 3000)]) {
      const broken = await jobIn(`broken by ${damage.name}`, { model: slowModel, segmentFrames: 100 });
      const first = enlargeClip(broken, info, { ...quiet, upscaler: dependent(5, 20) });
      await expect(first).rejects.toMatchObject({ code: "worker_died" });
      const third = (await readdir(broken.workDir)).find((name) => name.startsWith("batch-10-"));
      await damage(join(broken.workDir, third!));
      const { starts, upscaler } = startsOf(dependent(5));
      expect(await enlargeClip(broken, info, { ...quiet, upscaler })).toMatchObject({ frames: 24 });
      expect(starts[0]).toBe(10);
    }
  });

  it.each([
    [8, false],
    [8, true],
    [16, false],
    [16, true],
  ] as const)("keep every bit of %i bits a channel, alpha %s, and their times", async (depth, withAlpha) => {
    for (const program of programs) {
      const { jobIn, info } = await clipJobs(2, { program });
      const { workDir, ffmpeg } = await jobIn("kept");
      const { spec: encode } = chooseEncoding(info, { container: "mp4" }, info);
      const place = { ffmpeg, workDir, encode };
      const frames = [7n, 9n, 1000n, 1001n].map((time) => noise(info, { depth, withAlpha, time }));
      const batch = await keepBatch(place, frames, 3);
      const segment = { file: "", frames: 5, firstTime: "0", lastTime: "0" };
      const plan = { model: "", encode, notes: [], segmentFrames: 5, memory: 0 };
      const manifest = { plan, segments: [segment], batches: [batch!] };
      const again: Frame[] = [];
      for await (const frame of keptFrames(place, manifest)) again.push(frame);
      expect(again).toEqual(frames.slice(2));
    }
  });
});

/** A frame whose samples have all values there are, in no order. */
function noise(
  { width, height }: { width: number; height: number },
  { depth, withAlpha, time }: { depth: 8 | 16; withAlpha: boolean; time: bigint },
): Frame {
  const made = (count: number) =>
    samples(depth, count).map((_, i) => ((i + Number(time)) * 2654435761) >>> (32 - depth)) as Frame["rgb"];
  const alpha = withAlpha && { alpha: made(width * height) };
  return { width, height, depth, time, rgb: made(width * height * 3), ...alpha };
}

describe("a result that cannot be right", () => {
  it("stops the task, naming the frame", async () => {
    const { jobIn, info } = await clipJobs(12);
    const good = identityUpscaler();
    const upscaler: Upscaler = {
      ...good,
      upscale: async (batch, target) => {
        const made = await good.upscale(batch, target);
        return batch.first < 7 ? made : made.map((frame) => ({ ...frame, rgb: samples(8, frame.rgb.length) }));
      },
    };
    const job = await jobIn("black");
    await expect(enlargeClip(job, info, { ...quiet, upscaler })).rejects.toMatchObject({
      code: "provider_failed",
      message: expect.stringMatching(/Frame 7 came out all black/),
    });
  });
});
