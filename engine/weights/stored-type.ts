/**
 * How numbers are stored in checkpoint files: values and bytes of one block of each type. Plain types have blocks of
 * one value. Names are those of safetensors and ggml (spec: safetensors README; ggml docs/gguf.md).
 */
export const storedTypes = {
  F32: { values: 1, bytes: 4 },
  F16: { values: 1, bytes: 2 },
  BF16: { values: 1, bytes: 2 },
  F8_E4M3: { values: 1, bytes: 1 },
  F8_E5M2: { values: 1, bytes: 1 },
  F8_E8M0: { values: 1, bytes: 1 },
  I64: { values: 1, bytes: 8 },
  I32: { values: 1, bytes: 4 },
  I16: { values: 1, bytes: 2 },
  I8: { values: 1, bytes: 1 },
  U8: { values: 1, bytes: 1 },
  BOOL: { values: 1, bytes: 1 },
  Q4_0: { values: 32, bytes: 18 },
  Q5_0: { values: 32, bytes: 22 },
  Q8_0: { values: 32, bytes: 34 },
  Q4_K: { values: 256, bytes: 144 },
  Q5_K: { values: 256, bytes: 176 },
  Q6_K: { values: 256, bytes: 210 },
} as const;

export type StoredType = keyof typeof storedTypes;

/** Number of values of a shape; 1 for the empty shape. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes that `count` values take; `count` must be a whole number of blocks. */
export function byteLength(type: StoredType, count: number): number {
  const { values, bytes } = storedTypes[type];
  return (count / values) * bytes;
}
