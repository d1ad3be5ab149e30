import type { PictureInfo } from "../media/media-info.ts";
import { readPicture } from "../media/picture-reader.ts";
import { writePicture } from "../media/picture-writer.ts";
import type { WrittenFormat } from "../media/picture-writer.ts";
import type { Frame } from "../media/frame.ts";
import type { Upscaler } from "../upscalers/upscaler.ts";
import { refuseWrongFrame } from "./alarms.ts";
import { memoryBudget } from "./memory-budget.ts";
import type { Job, JobProgress, JobResult } from "./job.ts";

export interface PictureTools {
  readonly upscaler: Upscaler;
  readonly onProgress: (progress: JobProgress) => void;
}

/** Formats that hold more than one page; the others get the first. */
const manyPages = ["gif", "webp", "tif", "tiff"];

/** Enlarges a picture into `job.partPath`, each page of an animation or TIFF by itself. */
export async function enlargePicture(job: Job, info: PictureInfo, tools: PictureTools): Promise<JobResult> {
  const picture = await readPicture(job.inputPath, info);
  const { frames: pages, notes } = pagesToKeep(picture.frames, job);
  const made: Frame[] = [];
  const memory = memoryBudget();
  for (const [index, frame] of pages.entries()) {
    const progress = (share: number, stage: string) =>
      tools.onProgress({
        share: (0.95 * (index + share)) / pages.length,
        stage,
        framesDone: index,
        framesTotal: pages.length,
      });
    const batch = { frames: [frame], owned: { start: 0, count: 1 }, first: index };
    const larger = await tools.upscaler.upscale(batch, job.target, { onProgress: progress, memory });
    for (const result of larger) refuseWrongFrame(frame, result, index);
    made.push(...larger);
  }
  tools.onProgress({ share: 0.95, stage: "writing", framesDone: pages.length, framesTotal: pages.length });
  const written = await writePicture(job.partPath, made, {
    format: job.format as WrittenFormat,
    quality: job.parameters.quality,
    grey: info.grey,
    delays: info.delays,
    loop: info.loop,
  });
  return {
    ...job.target,
    frames: made.length,
    notes: [...notes, ...tools.upscaler.notes, ...written.notes],
    trace: null,
  };
}

function pagesToKeep(frames: readonly Frame[], job: Job): { frames: readonly Frame[]; notes: string[] } {
  if (frames.length === 1 || manyPages.includes(job.format)) return { frames, notes: [] };
  const note = `The source has ${frames.length} pages; ${job.format} holds one, so the first was enlarged.`;
  return { frames: frames.slice(0, 1), notes: [note] };
}
