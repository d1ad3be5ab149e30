import { mkdtemp } from "node:fs/promises";
import { EngineError } from "../../engine/errors.ts";
import type { Ffmpeg } from "../../engine/media/ffmpeg.ts";
import type { ClipInfo } from "../../engine/media/media-info.ts";
import { probeMedia } from "../../engine/media/probe.ts";
import { enlargeClip } from "../../engine/pipeline/enlarge-clip.ts";
import type { Job, JobResult } from "../../engine/pipeline/job.ts";
import { identityUpscaler } from "../contracts/identity-upscaler.ts";

/** Sends a clip through the whole pipeline, at its own size and in segments of 17 frames; probed, unless it has been. */
export async function enlarged(
  ffmpeg: Ffmpeg,
  inputPath: string,
  wish: {
    readonly output: string;
    readonly format: string;
    readonly parameters?: Job["parameters"];
    readonly info?: ClipInfo;
  },
): Promise<{ info: ClipInfo; result: JobResult }> {
  const info = wish.info ?? (await probeMedia(ffmpeg, inputPath));
  if (info.kind !== "clip") throw new EngineError("internal", { what: `${inputPath} is no clip.` });
  const job: Job = {
    ...{ taskId: "x", kind: "video", inputPath, ffmpeg, format: wish.format, partPath: wish.output, segmentFrames: 17 },
    target: { width: info.width, height: info.height },
    parameters: { preset: wish.format === "webm" ? "8" : "ultrafast", ...wish.parameters },
    model: { name: "identity", kind: "builtin", path: "" },
    workDir: await mkdtemp(`${wish.output}.work-`),
  };
  const result = await enlargeClip(job, info, {
    upscaler: identityUpscaler(),
    onProgress: () => {},
    onSegment: () => {},
  });
  return { info, result };
}
