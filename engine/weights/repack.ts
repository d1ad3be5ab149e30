import { blockFormats, emptyBlock, isQuantised, type QuantisedType } from "./gguf-blocks.ts";
import type { StoredTensor } from "./stored-tensor.ts";
import { storedTypes, type StoredType } from "./stored-type.ts";

/**
 * GGUF blocks interleave integers and scales, which no runtime takes where they lie. Repacked, a matrix is three
 * tensors: integers, steps and bases, each in one piece; or two, integers and the blocks' heads.
 */
export interface RepackedPart {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
}

/** Endings of the parts' names. Four-bit integers are stored as U8, two a byte, the first in the low nibble. */
export const partEndings = { integers: ".q", step: ".step", base: ".base" } as const;

/** Ending of the name of blocks' heads: only their type says how they are read. */
export const headsEnding = (type: string) => `.heads.${type}`;

/** Name of the matrix that a part of this name belongs to; the name itself where it is none of a part. */
export function wholeName(name: string): string {
  return name.replace(/\.(q|step|base|heads\.\w+)$/, "");
}

/** True where a tensor is a matrix of quantised blocks that do not cross its rows. */
export function isRepackable({ type, shape }: StoredTensor): boolean {
  return isQuantised(type) && shape.length === 2 && (shape[1] ?? 0) % storedTypes[type].values === 0;
}

/** What a repackable tensor becomes, in the order in which it is written. */
export function repackedParts({ name, type, shape }: StoredTensor): RepackedPart[] {
  const { run, bits, hasBase, head } = blockFormats[type as QuantisedType];
  const [rows = 0, columns = 0] = shape;
  const perRun = [rows, columns / run];
  const integers: RepackedPart =
    bits === 4
      ? { name: name + partEndings.integers, type: "U8", shape: [rows, columns / 2] }
      : { name: name + partEndings.integers, type: "I8", shape };
  if (head) {
    const bytes = head.bytes * (columns / storedTypes[type].values);
    return [integers, { name: name + headsEnding(type), type: "U8", shape: [rows, bytes] }];
  }
  const step: RepackedPart = { name: name + partEndings.step, type: "F32", shape: perRun };
  const base: RepackedPart = { name: name + partEndings.base, type: "F32", shape: perRun };
  return hasBase ? [integers, step, base] : [integers, step];
}

/** The bytes of those parts, in the same order. */
export function repack(tensor: StoredTensor, bytes: Uint8Array): Uint8Array[] {
  const type = tensor.type as QuantisedType;
  const { head } = blockFormats[type];
  const { integers, step, base } = takenApart(type, bytes, "blocks");
  return head
    ? [integers, headsOf(bytes, head.bytes, storedTypes[type].bytes)]
    : [integers, step, ...(base ? [base] : [])];
}

/** Bytes of integers, of fp32 steps and, where the type has them, of fp32 bases. */
export interface BlockParts {
  readonly integers: Uint8Array;
  readonly step: Uint8Array;
  readonly base?: Uint8Array;
}

/** The parts of whole blocks, or of their heads alone, which say nothing of integers. */
export function takenApart(type: QuantisedType, bytes: Uint8Array, form: "blocks" | "heads"): BlockParts {
  const format = blockFormats[type];
  const { values } = storedTypes[type];
  const { bytes: stride, unpack } = (form === "heads" && format.head) || { ...format, bytes: storedTypes[type].bytes };
  const blocks = bytes.length / stride;
  const runs = (blocks * values) / format.run;
  const integers = new Uint8Array(form === "heads" ? 0 : (blocks * values * format.bits) / 8);
  const [step, base] = [new Float32Array(runs), new Float32Array(format.hasBase ? runs : 0)];
  const block = emptyBlock(type);
  for (let at = 0; at < blocks; at++) {
    unpack(bytes, at * stride, block);
    step.set(block.step, at * block.step.length);
    if (format.hasBase) base.set(block.base, at * block.base.length);
    if (form === "heads") continue;
    if (format.bits === 8) integers.set(block.q, at * values);
    else packNibbles(block.q, integers, (at * values) / 2);
  }
  const parts = { integers, step: new Uint8Array(step.buffer) };
  return format.hasBase ? { ...parts, base: new Uint8Array(base.buffer) } : parts;
}

function headsOf(bytes: Uint8Array, length: number, stride: number): Uint8Array {
  const heads = new Uint8Array((bytes.length / stride) * length);
  for (let from = 0, to = 0; from < bytes.length; from += stride, to += length) {
    heads.set(bytes.subarray(from, from + length), to);
  }
  return heads;
}

function packNibbles(q: Int8Array, out: Uint8Array, to: number): void {
  for (let i = 0; i < q.length; i += 2) out[to + i / 2] = (q[i] as number) | ((q[i + 1] as number) << 4);
}
