/** Writers of plain number formats: to nearest, without scales. */
import type { TensorData } from "../../engine/weights/safetensors-writer.ts";

/** Formats without scales, which any tensor can have. */
export type PlainFormat = "fp16" | "bf16" | "fp8" | "fp8_e5m2";

/** Any tensor in a plain format, and the values it then has. */
export function storeValues(
  format: PlainFormat,
  shape: readonly number[],
  values: Float32Array,
): { data: TensorData; values: Float32Array } {
  const { type, bytes, code, value } = plainFormats[format];
  const codes = bytes === 2 ? Uint16Array.from(values, code) : Uint8Array.from(values, code);
  return { data: { type, shape, bytes: bytesOf(codes) }, values: Float32Array.from(codes, value) };
}

interface PlainWriter {
  readonly type: TensorData["type"];
  readonly bytes: 1 | 2;
  readonly code: (value: number) => number;
  readonly value: (code: number) => number;
}

const plainFormats: Readonly<Record<PlainFormat, PlainWriter>> = {
  fp16: { type: "F16", bytes: 2, code: f16Code, value: f16Value },
  bf16: { type: "BF16", bytes: 2, code: bf16Code, value: bf16Value },
  fp8: { type: "F8_E4M3", bytes: 1, code: e4m3Code, value: e4m3Value },
  // The upper byte of half precision.
  fp8_e5m2: {
    type: "F8_E5M2",
    bytes: 1,
    code: (value) => Math.round(f16Code(value) / 256),
    value: (code) => f16Value(code * 256),
  },
};

/** What a code of fp8 with four bits of exponent stands for. */
export function e4m3Value(code: number): number {
  const [exponent, fraction] = [(code >> 3) & 15, code & 7];
  const size = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10);
  return code & 128 ? -size : size;
}

/** The nearest code; what is too large becomes 448. */
export function e4m3Code(value: number): number {
  const sign = value < 0 ? 128 : 0;
  const size = Math.min(Math.abs(value), 448);
  const exponent = Math.max(Math.floor(Math.log2(size)), -6);
  const steps = size === 0 ? 0 : Math.round(size * 2 ** (3 - exponent));
  return sign | ((exponent + 6) * 8 + steps);
}

/** The nearest half-precision code of a value below 65,520. */
function f16Code(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  const steps = size === 0 ? 0 : Math.round(size * 2 ** (10 - exponent));
  return sign | ((exponent + 14) * 1024 + steps);
}

function f16Value(code: number): number {
  const [exponent, fraction] = [(code >> 10) & 31, code & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return code & 0x8000 ? -size : size;
}

/** The upper half of single precision, rounded. */
function bf16Code(value: number): number {
  const [bits = 0] = new Uint32Array(Float32Array.of(value).buffer);
  return Math.round(bits / 65_536);
}

function bf16Value(code: number): number {
  const [value = 0] = new Float32Array(Uint32Array.of(code * 65_536).buffer);
  return value;
}

/** The bytes of an array. */
export function bytesOf(array: Float32Array | Uint16Array | Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
