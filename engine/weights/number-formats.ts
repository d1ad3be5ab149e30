/**
 * Half, brain and quarter precision as fp32 values. Every value of these types is exact in fp32, so tables of all codes
 * serve (seedvr2-pipeline.md section 10).
 */

/** Value of an IEEE half-precision code: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
function f16Value(code: number): number {
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code >> 10) & 31;
  const fraction = code & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Value of a float8 e4m3fn code: bias 7, no infinities, 0x7F and 0xFF are NaN, subnormals m/8·2⁻⁶. */
function f8e4m3Value(code: number): number {
  const sign = code & 0x80 ? -1 : 1;
  const exponent = (code >> 3) & 15;
  const fraction = code & 7;
  if (exponent === 15 && fraction === 7) return Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -9 : sign * (8 + fraction) * 2 ** (exponent - 10);
}

/** Value of a float8 e5m2 code: the upper byte of a half-precision one. */
function f8e5m2Value(code: number): number {
  return f16Value(code << 8);
}

/** Value of a float8 e8m0 code, a power of two without sign: 2^(e − 127), but 0 counts as 0; 255 is no number. */
function f8e8m0Value(code: number): number {
  if (code === 0) return 0;
  return code === 255 ? Number.NaN : 2 ** (code - 127);
}

/** Values of all half-precision codes. */
export const f16Table: Float32Array = table(65_536, f16Value);

/** Values of four-bit float codes (e2m1): sign, two bits of exponent, one of fraction. */
const e2m1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6];

/** Values of every byte, in order, of types with one code a byte, or two (FP4: the first in the high nibble). */
export const byteTables = {
  F8_E4M3: table(256, f8e4m3Value),
  F8_E5M2: table(256, f8e5m2Value),
  F8_E8M0: table(256, f8e8m0Value),
  FP4: table(512, (half) => e2m1[half % 2 === 0 ? half >> 5 : (half >> 1) & 15] as number),
} as const;

/** The same by a type's name; nothing for types that have no such table. */
export function byteValues(type: string): Float32Array | undefined {
  return type in byteTables ? byteTables[type as keyof typeof byteTables] : undefined;
}

/** Values of bfloat16 codes: the upper halves of fp32 values. */
export function bf16Values(codes: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i++) bits[i] = (codes[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

function table(size: number, value: (code: number) => number): Float32Array {
  return Float32Array.from({ length: size }, (_, code) => value(code));
}
