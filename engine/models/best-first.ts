import type { StorageFormat } from "../weights/storage-format.ts";
import type { ModelShape } from "./model-shape.ts";

/**
 * Which of two models is better where both fit, for whoever asks for the best: quality first, then memory, then time.
 * 1. 7B before 3B: its blocks are wider and there are more of them, which people judge to be finer detail. The published
 *    files of both are told by the width of the stream.
 * 2. The plain network before the sharp one, which exaggerates edges of some sources: whoever wants it names it.
 * 3. By what its storage keeps, in whole decibels: formats of one figure count as equally good.
 * 4. The smaller file, which needs less memory.
 * 5. The format that is computed with sooner.
 */
export function bestFirst(a: Ranked, b: Ranked): number {
  const [first, second] = [storage[a.shape.storage], storage[b.shape.storage]];
  return (
    b.shape.dim - a.shape.dim ||
    Number(a.variant !== null) - Number(b.variant !== null) ||
    second.decibels - first.decibels ||
    a.shape.bytes - b.shape.bytes ||
    first.seconds - second.seconds
  );
}

/** What the order is made from. */
interface Ranked {
  readonly shape: ModelShape;
  /** Sharp, or null for the plain network. */
  readonly variant: string | null;
}

interface StorageRank {
  /**
   * How near the output stays to that with fp32 weights: the lowest figure of the README's table "what a storage type
   * costs" (bench/storage-loss.ts), rounded. Marked `estimated` where the table has none.
   */
  readonly decibels: number;
  /** The transformer's pass for a picture to 640×480 with 3B on two processors (README), or of its kin. */
  readonly seconds: number;
}

/** fp32 loses nothing; any figure above fp16's will do. */
const NO_LOSS = 200;

const storage: Readonly<Record<StorageFormat, StorageRank>> = {
  fp32: { decibels: NO_LOSS, seconds: 33 },
  fp16: { decibels: 65, seconds: 33 },
  // Estimated: three bits fewer than fp16, 6 dB each.
  bf16: { decibels: 47, seconds: 33 },
  Q8_0: { decibels: 41, seconds: 39 },
  "int8 rotated": { decibels: 41, seconds: 32 },
  int8: { decibels: 35, seconds: 32 },
  "fp8 scaled": { decibels: 30, seconds: 40 },
  mxfp8: { decibels: 30, seconds: 38 },
  // Estimated: two bits fewer than Q8_0.
  Q6_K: { decibels: 29, seconds: 36 },
  // Estimated: plain fp8 with its last block, which shows lines otherwise, in fp16.
  "fp8 mixed": { decibels: 26, seconds: 40 },
  // The goldens' figure (golden/README.md, storage), where Q4_K has the same as in the table.
  Q5_K: { decibels: 23, seconds: 36 },
  fp8: { decibels: 22, seconds: 40 },
  // Estimated: one bit more than Q4_0.
  Q5_0: { decibels: 22, seconds: 36 },
  Q4_K: { decibels: 19, seconds: 36 },
  nvfp4: { decibels: 19, seconds: 39 },
  // Estimated: Q4_K without its minima.
  Q4_0: { decibels: 16, seconds: 36 },
  other: { decibels: 0, seconds: 40 },
};
