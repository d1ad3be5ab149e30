import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EngineError } from "../../engine/errors.ts";
import { findFfmpeg } from "../../engine/media/ffmpeg.ts";
import { probeMedia } from "../../engine/media/probe.ts";
import { enlargeClip } from "../../engine/pipeline/enlarge-clip.ts";
import type { Job } from "../../engine/pipeline/job.ts";
import type { Upscaler } from "../../engine/upscalers/upscaler.ts";
import { identityUpscaler } from "../contracts/identity-upscaler.ts";
import { makeClip } from "../system/media.ts";
import { temporaryFolder } from "../temporary-folder.ts";

async function aJob(frames: number, parameters: Job["parameters"] = {}) {
  const folder = await temporaryFolder();
  const inputPath = await makeClip(folder, "in.mp4", { frames });
  const ffmpeg = await findFfmpeg(null);
  const info = await probeMedia(ffmpeg, inputPath);
  if (info.kind !== "clip") throw new EngineError("internal", { what: "The test's clip is no clip." });
  const jobIn = async (name: string): Promise<Job> => {
    const workDir = join(folder, name);
    await mkdir(workDir, { recursive: true });
    const model = { name: "identity", kind: "builtin" as const, path: "" };
    return {
      ...{ taskId: name, kind: "video", inputPath, target: { width: 64, height: 48 }, parameters, model, ffmpeg },
      ...{ format: "mp4", workDir, partPath: join(folder, `${name}.part`), segmentFrames: 10 },
    };
  };
  return { jobIn, info, ffmpeg };
}

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

/** Paints each frame in a grey that depends on its batch and all frames of it, failing at frame `failAt`. */
function dependent(owned: number, failAt = Infinity): Upscaler {
  const plan = { owned, before: owned, after: 2 };
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    ...{ plan, notes: [], close: async () => {} },
    upscale: async ({ first, frames, owned: own }, { width, height }) => {
      if (first + own.start >= failAt) throw new EngineError("worker_died", { what: "Killed by the test." });
      const grey = mean(frames.map(({ rgb }) => mean(Array.from(rgb))));
      const shade = (index: number) => Math.round(grey / 2 + 8 * index + 3 * ((first + own.start) % 11));
      return frames.slice(own.start, own.start + own.count).map(({ time }, index) => {
        const rgb = new Uint8Array(width * height * 3).fill(shade(index));
        return { width, height, depth: 8, time, rgb };
      });
    },
  };
}

describe("a clip", () => {
  it("goes on after its last finished segment, to the same bytes", async () => {
    const { jobIn, info } = await aJob(37);
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
    const { jobIn, info } = await aJob(37, { prepend_frames });
    const whole = await jobIn("whole");
    await enlargeClip(whole, info, { ...quiet, upscaler: dependent(owned) });

    const broken = await jobIn("broken");
    const first = enlargeClip(broken, info, { ...quiet, upscaler: dependent(owned, 26 + prepend_frames) });
    await expect(first).rejects.toMatchObject({ code: "worker_died" });
    const result = await enlargeClip(broken, info, { ...quiet, upscaler: dependent(owned) });
    expect(result).toMatchObject({ frames: 37 });
    expect(await readFile(broken.partPath)).toEqual(await readFile(whole.partPath));
  });

  it("has the source's sound, frame for frame and byte for byte", async () => {
    const { jobIn, info } = await aJob(25);
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
    const { jobIn, info } = await aJob(50, { preview_frames: 12 });
    const job = await jobIn("preview");
    expect(await enlargeClip(job, info, { ...quiet, upscaler: identityUpscaler() })).toMatchObject({ frames: 12 });
    const { ffmpeg } = job;
    const { runFfmpeg } = await import("../../engine/media/ffmpeg-process.ts");
    const banner = await runFfmpeg(ffmpeg.path, ["-hide_banner", "-f", "mp4", "-i", job.partPath]);
    expect(banner.stderr).toMatch(/Duration: 00:00:00\.(4|5)/);
  });
});
