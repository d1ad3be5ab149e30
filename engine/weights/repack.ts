import { blockFormats, emptyBlock, isQuantised, type QuantisedType } from "./gguf-blocks.ts";
import type { StoredTensor } from "./stored-tensor.ts";
import { countOf, storedTypes, type StoredType } from "./stored-type.ts";

/**
 * GGUF blocks interleave integers and scales, which no runtime takes where they lie. Repacked, a matrix is three
 * tensors: integers, steps and bases, each in one piece.
 */
export interface RepackedPart {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
}

/** Endings of the parts' names. Four-bit integers are stored as U8, two a byte, the first in the low nibble. */
export const partEndings = { integers: ".q", step: ".step", base: ".base" } as const;

/** True where a tensor is a matrix of quantised blocks that do not cross its rows. */
export function isRepackable({ type, shape }: StoredTensor): boolean {
  return isQuantised(type) && shape.length === 2 && (shape[1] ?? 0) % storedTypes[type].values === 0;
}

/** What a repackable tensor becomes, in the order in which it is written. */
export function repackedParts({ name, type, shape }: StoredTensor): RepackedPart[] {
  const { run, bits, hasBase } = blockFormats[type as QuantisedType];
  const [rows = 0, columns = 0] = shape;
  const perRun = [rows, columns / run];
  const integers: RepackedPart =
    bits === 4
      ? { name: name + partEndings.integers, type: "U8", shape: [rows, columns / 2] }
      : { name: name + partEndings.integers, type: "I8", shape };
  const step: RepackedPart = { name: name + partEndings.step, type: "F32", shape: perRun };
  const base: RepackedPart = { name: name + partEndings.base, type: "F32", shape: perRun };
  return hasBase ? [integers, step, base] : [integers, step];
}

/** The bytes of those parts, in the same order. */
export function repack(tensor: StoredTensor, bytes: Uint8Array): Uint8Array[] {
  const type = tensor.type as QuantisedType;
  const { run, bits, hasBase, unpack } = blockFormats[type];
  const count = countOf(tensor.shape);
  const integers = new Int8Array(bits === 4 ? count / 2 : count);
  const [step, base] = [new Float32Array(count / run), new Float32Array(hasBase ? count / run : 0)];
  const block = emptyBlock(type);
  const { values, bytes: blockBytes } = storedTypes[type];
  for (let at = 0; at * values < count; at++) {
    unpack(bytes, at * blockBytes, block);
    step.set(block.step, at * block.step.length);
    if (hasBase) base.set(block.base, at * block.base.length);
    if (bits === 8) integers.set(block.q, at * values);
    else packNibbles(block.q, integers, (at * values) / 2);
  }
  const parts = [integers, step, base].slice(0, hasBase ? 3 : 2);
  return parts.map((part) => new Uint8Array(part.buffer));
}

function packNibbles(q: Int8Array, out: Int8Array, to: number): void {
  for (let i = 0; i < q.length; i += 2) out[to + i / 2] = (q[i] as number) | ((q[i + 1] as number) << 4);
}
