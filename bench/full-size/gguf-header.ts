import type { Shape } from "../../engine/onnx/value.ts";
import { byteLength, countOf } from "../../engine/weights/stored-type.ts";
import type { RandomType } from "./random-values.ts";

/** Every tensor's bytes begin at a multiple of this from the start of the data (ggml-org/ggml docs/gguf.md). */
export const GGUF_ALIGNMENT = 32;
const VERSION = 3;

/** ggml's numbers of the types. */
const numbers: Readonly<Record<RandomType, number>> = {
  F32: 0,
  F16: 1,
  Q8_0: 8,
  Q4_K: 12,
  Q6_K: 14,
  ...{ F8_E4M3: Number.NaN, I8: Number.NaN, U8: Number.NaN }, // none of them comes in such files
};

/** Head of a GGUF file without metadata, padded to where its data begins. Data follows in the order of the map. */
export function ggufHeader(
  tensors: ReadonlyMap<string, { readonly type: RandomType; readonly shape: Shape }>,
): Uint8Array<ArrayBuffer> {
  const parts: Buffer[] = [Buffer.from("GGUF"), u32(VERSION), u64(tensors.size), u64(0)];
  let at = 0;
  for (const [name, { type, shape }] of tensors) {
    parts.push(u64(Buffer.byteLength(name)), Buffer.from(name), u32(shape.length));
    parts.push(...shape.toReversed().map(u64), u32(numbers[type]), u64(at));
    at += upToAlignment(byteLength(type, countOf(shape)));
  }
  const head = Buffer.concat(parts);
  const padded = new Uint8Array(upToAlignment(head.length));
  padded.set(head);
  return padded;
}

function upToAlignment(length: number): number {
  return Math.ceil(length / GGUF_ALIGNMENT) * GGUF_ALIGNMENT;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
