import { open } from "node:fs/promises";
import { byteLength, countOf, type StoredType } from "./stored-type.ts";

/** A tensor to be written: raw little-endian bytes of its type. */
export interface TensorData {
  readonly type: StoredType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A Float32Array as tensor data. */
export function f32Data(shape: readonly number[], values: Float32Array): TensorData {
  return { type: "F32", shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/**
 * The header of a safetensors file: length and JSON, padded with spaces so that data starts at a multiple of 8. Data
 * follows in the order of the map.
 */
export function safetensorsHeader(
  tensors: ReadonlyMap<string, Omit<TensorData, "bytes">>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let at = 0;
  for (const [name, { type, shape }] of tensors) {
    const length = byteLength(type, countOf(shape));
    header[name] = { dtype: type, shape, data_offsets: [at, at + length] };
    at += length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const out = Buffer.alloc(8 + padded, " ");
  out.writeBigUInt64LE(BigInt(padded), 0);
  text.copy(out, 8);
  return new Uint8Array(out);
}

/** Writes a safetensors file; an existing one is replaced. */
export async function writeSafetensors(path: string, tensors: ReadonlyMap<string, TensorData>): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(safetensorsHeader(tensors));
    for (const { bytes } of tensors.values()) await file.writeFile(bytes);
  } finally {
    await file.close();
  }
}
