/**
 * The reference's batches in time (beyond-the-reference.md section 2.1, seedvr2-pipeline.md section 3). Frames are spoken
 * of by their indices, so that the same rules serve pixels, alpha and notes.
 */
export interface BatchRules {
  /** 4n + 1 */
  readonly batchSize: number;
  readonly overlap: number;
  /** Extends a short last batch to the size of the others. */
  readonly uniform: boolean;
}

export interface ClipBatch {
  /** Index of its first frame, prepended ones counted. */
  readonly first: number;
  /** Own frames. */
  readonly frames: number;
  /** Frames the networks see, extended in time: 4n + 1. */
  readonly encoded: number;
  /** Frames of the clip that no earlier batch has written. */
  readonly writeStart: number;
  readonly writeEnd: number;
}

/** Frames of a latent frame after the first. */
const LATENT_STEP = 4;

/** How a clip of `count` frames is cut. An overlap that is no smaller than a batch counts as none. */
export function clipBatches(count: number, { batchSize, overlap, uniform }: BatchRules): ClipBatch[] {
  const shared = overlap < batchSize ? overlap : 0;
  const batches: ClipBatch[] = [];
  for (let first = 0; first < count; first += batchSize - shared) {
    const writeEnd = Math.min(first + batchSize, count);
    const frames = writeEnd - first;
    if (first > 0 && frames <= shared) break;
    const encoded = nextLength(uniform ? Math.max(frames, batchSize) : frames);
    batches.push({ first, frames, encoded, writeStart: batches.at(-1)?.writeEnd ?? 0, writeEnd });
  }
  return batches;
}

/** The smallest 4n + 1 that is no less. */
export function nextLength(frames: number): number {
  return Math.ceil((frames - 1) / LATENT_STEP) * LATENT_STEP + 1;
}

/** Indices of a batch's own frames, extended to `encoded`: first to the size of the others, then to 4n + 1. */
export function extendedIndices({ frames, encoded }: ClipBatch, { batchSize, uniform }: BatchRules): number[] {
  const own = Array.from({ length: frames }, (_, i) => i);
  const filled = uniform && frames < batchSize ? appended(own, batchSize - frames) : own;
  return appended(filled, encoded - filled.length);
}

/** The indices with `count` more behind them: reversed, the last one not doubled; where too few, the last one repeated. */
export function appended(indices: readonly number[], count: number): number[] {
  const length = indices.length;
  if (count < length) return [...indices, ...reversed(indices).slice(1, 1 + count)];
  const last = indices.at(-1) ?? 0;
  return [...indices, ...reversed(indices).slice(0, -1), ...Array<number>(count - length + 1).fill(last)];
}

/** Weight of the earlier batch for each of `count` frames that two batches share; the middle third is blended. */
export function blendWeights(count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const place = count === 1 ? 0 : i / (count - 1);
    if (count < 3) return 1 - place;
    const inMiddle = Math.min(Math.max(3 * place - 1, 0), 1);
    return 0.5 + 0.5 * Math.cos(Math.PI * inMiddle);
  });
}

function reversed(indices: readonly number[]): number[] {
  return [...indices].reverse();
}
