import { chooseTiling } from "../upscalers/choose-tiling.ts";
import type { Job } from "./job.ts";
import { upscaleSettings } from "./upscale-settings.ts";

/** Side in pixels of the tiles that a job's frames are cut into; null where each goes through the autoencoder whole. */
export function tileSide(
  job: Pick<Job, "kind" | "model" | "target" | "parameters" | "tilesBelow">,
  memory: number,
): number | null {
  if (job.model.kind !== "seedvr2") return null;
  const { tiling: wish, batchSize } = upscaleSettings(job);
  const side = chooseTiling(wish, job.target, batchSize, memory)?.tile[0] ?? Infinity;
  return Math.max(job.target.width, job.target.height) > side ? side : null;
}
