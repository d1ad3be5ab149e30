/** How batches decide whether a clip's frames belong together (beyond-the-reference.md section 2.2). */
import { nextLength } from "../seedvr2/batches.ts";
import type { UpscaleSettings } from "./upscaler.ts";

type Batching = Pick<UpscaleSettings, "batchSize" | "overlap">;

/** Up to here the transformer's windows are one latent frame long. */
const NEARLY_INDEPENDENT = 13;
/** Sizes at which its windows grow to two and three latent frames, the largest first, which users found by eye too. */
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
  if (batchSize > 1 && batchSize <= NEARLY_INDEPENDENT) {
    notes.push(`With batch_size ${batchSize} frames are nearly independent of each other; 21 to 45 is steadier.`);
  }
  return notes;
}

/**
 * Larger batches for a clip of `frames` whose frames would be nearly independent, the largest first, none longer than
 * the clip needs; an overlap too short to blend grows with them. Empty where the clip is too short to gain.
 */
export function steadierBatching({ batchSize, overlap }: Batching, frames: number): Batching[] {
  if (batchSize > NEARLY_INDEPENDENT) return [];
  const sizes = new Set(STEADY.map((size) => Math.min(size, nextLength(frames))));
  return [...sizes]
    .filter((size) => size > NEARLY_INDEPENDENT)
    .map((size) => ({ batchSize: size, overlap: overlap > 0 && size < frames ? Math.max(overlap, BLENDS) : overlap }));
}
