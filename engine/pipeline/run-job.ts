import { probeMedia } from "../media/probe.ts";
import type { Upscaler } from "../upscalers/upscaler.ts";
import { enlargeClip } from "./enlarge-clip.ts";
import { enlargePicture } from "./enlarge-picture.ts";
import type { Job, JobProgress, JobResult } from "./job.ts";

export interface JobTools {
  readonly upscaler: Upscaler;
  readonly onProgress: (progress: JobProgress) => void;
  readonly onSegment: () => void;
}

/** A task from file to file. */
export async function runJob(job: Job, tools: JobTools): Promise<JobResult> {
  const info = await probeMedia(job.ffmpeg, job.inputPath);
  return info.kind === "picture" ? enlargePicture(job, info, tools) : enlargeClip(job, info, tools);
}
