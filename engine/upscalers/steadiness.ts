/** How batches decide whether a clip's frames belong together (beyond-the-reference.md section 2.2). */
import { clipBatches, nextLength } from "../seedvr2/batches.ts";
import type { UpscaleSettings } from "./upscaler.ts";

type Batching = Pick<UpscaleSettings, "batchSize" | "overlap">;

/** Up to here the transformer's windows are one latent frame long. */
const NEARLY_INDEPENDENT = 13;
/** Sizes with windows of three, three and two latent frames, the largest first; users found such ones by eye too. */
const STEADY = [45, 33, 21] as const;
/** Overlaps whose weights are all 1 or 0 … */
const BLENDS_NOTHING = [1, 2, 4];
/** … and the shortest one that blends and keeps latent frames of neighbouring batches on one grid. */
const BLENDS = 5;

/** What is worth knowing of a clip that was made with these. */
export function steadinessNotes({ batchSize, overlap }: Batching): string[] {
  const notes: string[] = [];
  if (overlap >= batchSize) {
    notes.push(`temporal_overlap ${overlap} is no smaller than batch_size ${batchSize}, so batches do not overlap.`);
  } else if (BLENDS_NOTHING.includes(overlap)) {
    notes.push(`temporal_overlap ${overlap} blends no frame: between two batches it cuts. 5 or 9 blend.`);
  }
  if (isNearlyIndependent(batchSize)) {
    notes.push(`With batch_size ${batchSize} frames are nearly independent of each other; 21 to 45 is steadier.`);
  }
  return notes;
}

/** Whether frames of a batch hardly know of each other. Frames one by one are somebody's own wish. */
function isNearlyIndependent(batchSize: number): boolean {
  return batchSize > 1 && batchSize <= NEARLY_INDEPENDENT;
}

/**
 * Larger batches for a clip of `frames` (prepended ones counted) whose frames would be nearly independent, the largest
 * first. As many as are needed share the clip evenly, so that none is short again. An overlap too short to blend, or
 * too long for the batches it was given with, becomes one that blends. Empty where the clip is too short to gain.
 */
export function steadierBatching({ batchSize, overlap: wished }: Batching, frames: number): Batching[] {
  if (!isNearlyIndependent(batchSize)) return [];
  const overlap = wished > 0 && (wished < BLENDS || wished >= batchSize) ? BLENDS : wished;
  const sizes = new Set(STEADY.map((size) => evenSize(size, overlap, frames)));
  return [...sizes]
    .filter((size) => size > NEARLY_INDEPENDENT)
    .map((size) => ({ batchSize: size, overlap: size < frames ? overlap : wished }));
}

/** The smallest batch with which a clip needs no more batches than with this one. */
function evenSize(batchSize: number, overlap: number, frames: number): number {
  const { length } = clipBatches(frames, { batchSize, overlap, uniform: false });
  return nextLength(Math.ceil((frames + (length - 1) * overlap) / length));
}
