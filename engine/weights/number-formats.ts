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

/** Values of all half-precision codes. */
export const f16Table: Float32Array = table(65_536, f16Value);
export const f8e4m3Table: Float32Array = table(256, f8e4m3Value);
export const f8e5m2Table: Float32Array = table(256, f8e5m2Value);

/** Values of bfloat16 codes: the upper halves of fp32 values. */
export function bf16Values(codes: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i++) bits[i] = (codes[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

function table(size: number, value: (code: number) => number): Float32Array {
  return Float32Array.from({ length: size }, (_, code) => value(code));
}
