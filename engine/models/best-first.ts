import type { StorageFormat } from "../weights/storage-format.ts";
import type { ModelShape } from "./model-shape.ts";

/**
 * Which of two models is better where both fit, for whoever asks for the best: quality first, then memory, then time.
 * 1. 7B before 3B: its blocks are wider and there are more of them, which people judge to be finer detail. The published
 *    files of both are told by the width of the stream.
 * 2. The plain network before the sharp one, which exaggerates edges of some sources: whoever wants it names it.
 * 3. By what its storage loses, least first: the order of `byLoss`.
 * 4. The smaller file, which needs less memory and is read sooner.
 */
export function bestFirst(a: Ranked, b: Ranked): number {
  return (
    b.shape.dim - a.shape.dim ||
    Number(a.variant !== null) - Number(b.variant !== null) ||
    byLoss.indexOf(a.shape.storage) - byLoss.indexOf(b.shape.storage) ||
    a.shape.bytes - b.shape.bytes
  );
}

/** What the order is made from. */
interface Ranked {
  readonly shape: ModelShape;
  /** Sharp, or null for the plain network. */
  readonly variant: string | null;
}

/**
 * Storage by what it loses against fp32, least first. fp16, Q8_0, fp8 and Q4_K as measured (bench/storage-loss.ts); mixed
 * fp8 before Q8_0 because it was made against the lines of plain fp8, and what was not measured by the bits and scales of
 * the format: int8 has a scale a row, Q8_0 one for 32 values.
 */
const byLoss: readonly StorageFormat[] = [
  ...(["fp32", "fp16", "bf16", "fp8 mixed", "Q8_0", "int8", "fp8", "Q6_K", "mxfp8"] as const),
  ...(["Q5_K", "Q5_0", "Q4_K", "Q4_0", "nvfp4", "other"] as const),
];
