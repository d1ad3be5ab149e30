import type { Frame } from "../media/frame.ts";
import type { PictureInfo } from "../media/media-info.ts";
import { type WrittenFormat, formatTraits } from "../media/picture-formats.ts";
import { readPicture } from "../media/picture-reader.ts";
import { writePicture } from "../media/picture-writer.ts";
import type { TargetSize, Upscaler } from "../upscalers/upscaler.ts";
import { refuseWrongFrame } from "./alarms.ts";
import type { Job, JobProgress, JobResult } from "./job.ts";
import { picturePlan } from "./picture-plan.ts";
import { tileSide } from "./tile-side.ts";

export interface PictureTools {
  readonly upscaler: Upscaler;
  readonly onProgress: (progress: JobProgress) => void;
}

/**
 * Enlarges a picture into `job.partPath`, each page of an animation or TIFF by itself, with what else its file holds.
 * Rejects with `provider_failed` where a result cannot be right.
 */
export async function enlargePicture(job: Job, info: PictureInfo, tools: PictureTools): Promise<JobResult> {
  const picture = await readPicture(job.inputPath, info);
  const format = job.format as WrittenFormat;
  const { pages, notes } = pagesToKeep(picture.frames, format);
  const made: Frame[] = [];
  const memory = await picturePlan(job);
  for (const [index, frame] of pages.entries()) {
    const progress = (share: number, stage: string) =>
      tools.onProgress({
        share: (0.95 * (index + share)) / pages.length,
        stage,
        framesDone: index,
        framesTotal: pages.length,
      });
    const batch = { frames: [frame], owned: { start: 0, count: 1 }, first: index };
    const larger = await tools.upscaler.upscale(batch, pageTarget(frame, info, job.target), {
      onProgress: progress,
      memory,
    });
    for (const result of larger) refuseWrongFrame(frame, result, index);
    made.push(...larger);
  }
  tools.onProgress({ share: 0.95, stage: "writing", framesDone: pages.length, framesTotal: pages.length });
  const written = await writePicture(job.partPath, made, {
    format,
    workDir: job.workDir,
    quality: job.parameters.quality,
    grey: info.grey,
    delays: info.delays,
    loop: info.loop,
    carried: picture.carried,
  });
  return {
    ...job.target,
    frames: made.length,
    notes: [...picture.notes, ...notes, ...tools.upscaler.notes, ...written.notes],
    tile: tileSide(job, memory),
    trace: null,
  };
}

/** Pages of other sizes than the first are enlarged by as much as the first. */
function pageTarget(page: Frame, first: TargetSize, target: TargetSize): TargetSize {
  const larger = (side: "width" | "height") =>
    page[side] === first[side] ? target[side] : Math.max(1, Math.round((page[side] * target[side]) / first[side]));
  return { width: larger("width"), height: larger("height") };
}

/** Formats that hold one page get the first. */
function pagesToKeep(frames: readonly Frame[], format: WrittenFormat): { pages: readonly Frame[]; notes: string[] } {
  const { pages, name } = formatTraits[format];
  if (frames.length === 1 || pages) return { pages: frames, notes: [] };
  const note = `The source has ${frames.length} frames or pages; ${name} as written here holds one: the first was enlarged.`;
  return { pages: frames.slice(0, 1), notes: [note] };
}
