import { open, type FileHandle } from "node:fs/promises";
import { decodeBlocks, type QuantisedType } from "./gguf-blocks.ts";
import { malformed } from "./malformed.ts";
import { bf16Values, byteTables, f16Table } from "./number-formats.ts";
import type { StoredTensor } from "./stored-tensor.ts";
import { storedTypes, type StoredType } from "./stored-type.ts";

type Decoder = (bytes: Uint8Array<ArrayBuffer>) => Float32Array<ArrayBuffer>;

/** Bytes of each type as fp32 values; integers as their values. Exact for all but I32 and I64 above 2^24. */
const decoders: Readonly<Record<StoredType, Decoder>> = {
  F32: (bytes) => new Float32Array(aligned(bytes)),
  F16: (bytes) => lookup(f16Table, new Uint16Array(aligned(bytes))),
  BF16: (bytes) => bf16Values(new Uint16Array(aligned(bytes))),
  F8_E4M3: (bytes) => lookup(byteTables.F8_E4M3, bytes),
  F8_E5M2: (bytes) => lookup(byteTables.F8_E5M2, bytes),
  F8_E8M0: (bytes) => lookup(byteTables.F8_E8M0, bytes),
  I64: (bytes) => Float32Array.from(new BigInt64Array(aligned(bytes)), Number),
  I32: (bytes) => Float32Array.from(new Int32Array(aligned(bytes))),
  I16: (bytes) => Float32Array.from(new Int16Array(aligned(bytes))),
  I8: (bytes) => Float32Array.from(new Int8Array(aligned(bytes))),
  U8: (bytes) => Float32Array.from(bytes),
  BOOL: (bytes) => Float32Array.from(bytes),
  Q4_0: blocks("Q4_0"),
  Q5_0: blocks("Q5_0"),
  Q8_0: blocks("Q8_0"),
  Q4_K: blocks("Q4_K"),
  Q5_K: blocks("Q5_K"),
  Q6_K: blocks("Q6_K"),
};

/** The fp32 values that bytes of a type stand for. */
export function decode(type: StoredType, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return decoders[type](bytes);
}

/** The values of a tensor as fp32, read from its file. */
export async function readValues(tensor: StoredTensor): Promise<Float32Array<ArrayBuffer>> {
  return decode(tensor.type, await readBytes(tensor));
}

/** The bytes of a tensor. Throws `checkpoint_malformed` where the file has become shorter since it was opened. */
export async function readBytes(tensor: StoredTensor): Promise<Uint8Array<ArrayBuffer>> {
  return readPart(tensor, 0, tensor.length);
}

/** The bytes of rows `from` to `to` of a tensor, whose rows must be whole blocks. Throws as `readBytes`. */
export async function readRows(tensor: StoredTensor, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  const rowBytes = tensor.length / (tensor.shape[0] ?? 1);
  return readPart(tensor, from * rowBytes, (to - from) * rowBytes);
}

async function readPart(tensor: StoredTensor, from: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(tensor.path, "r");
  try {
    const bytes = await readRange(file, tensor.offset + from, length);
    if (bytes.length === length) return bytes;
    const found = `${bytes.length} bytes`;
    throw malformed(tensor.path, { field: `data of ${tensor.name}`, found, allowed: `${length} bytes` });
  } finally {
    await file.close();
  }
}

/** Up to `length` bytes from `offset`; fewer at the end of the file. */
export async function readRange(file: FileHandle, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

function blocks(type: QuantisedType): Decoder {
  return (bytes) => decodeBlocks(type, bytes, storedTypes[type].bytes);
}

/** Two loops over one kind of array each: the engine makes a fast one only of such. */
function lookup(table: Float32Array, codes: Uint16Array | Uint8Array): Float32Array<ArrayBuffer> {
  return codes instanceof Uint16Array ? lookup16(table, codes) : lookup8(table, codes);
}

function lookup16(table: Float32Array, codes: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) out[i] = table[codes[i] as number] as number;
  return out;
}

function lookup8(table: Float32Array, codes: Uint8Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) out[i] = table[codes[i] as number] as number;
  return out;
}

/** The bytes at the start of a buffer of their own, because typed arrays want multiples of their element size. */
function aligned(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  return whole ? bytes.buffer : bytes.slice().buffer;
}
