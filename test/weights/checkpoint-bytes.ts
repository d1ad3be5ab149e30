/** Builds checkpoint files byte by byte, so that tests can make each part of them wrong. */

/** A safetensors file out of a header (as it is, valid or not) and data. */
export function safetensorsBytes(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return new Uint8Array(Buffer.concat([length, text, data]));
}

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

export const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

export const ggufText = (text: string): Buffer => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);

export interface GgufParts {
  readonly version?: number;
  readonly tensorCount?: number | bigint;
  /** Key-value pairs, already encoded. */
  readonly pairs?: readonly Buffer[];
  readonly tensors?: readonly GgufTensor[];
  readonly data?: Uint8Array;
  readonly alignment?: number;
}

export interface GgufTensor {
  readonly name: string;
  /** Fastest dimension first. */
  readonly dims: readonly (number | bigint)[];
  readonly type: number;
  readonly offset: number | bigint;
}

export function ggufBytes(parts: GgufParts): Uint8Array<ArrayBuffer> {
  const { version = 3, pairs = [], tensors = [], data = new Uint8Array(), alignment = 32 } = parts;
  const head = Buffer.concat([
    Buffer.from("GGUF"),
    u32(version),
    u64(parts.tensorCount ?? tensors.length),
    u64(pairs.length),
    ...pairs,
    ...tensors.flatMap(({ name, dims, type, offset }) => [
      ggufText(name),
      u32(dims.length),
      ...dims.map(u64),
      u32(type),
      u64(offset),
    ]),
  ]);
  const padding = Buffer.alloc((alignment - (head.length % alignment)) % alignment);
  return new Uint8Array(Buffer.concat([head, padding, data]));
}

/** A metadata pair whose value is an array of i32. */
export function i32ArrayPair(key: string, values: readonly number[]): Buffer {
  const numbers = values.map((value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return bytes;
  });
  return Buffer.concat([ggufText(key), u32(9), u32(5), u64(values.length), ...numbers]);
}

/** Random numbers 0 … 1 that are the same in every run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
