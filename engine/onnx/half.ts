/** Bits of fp32 fractions that fp16 has no room for. */
const DROPPED = 13;
/** Exponent fields: fp32's for 2^-14, fp16's smallest normal number, and from which on fp16 is infinite. */
const NORMAL_FROM = 113;
const INFINITE_FROM = 143;
const NAN = 255;

/** Codes of fp16 for fp32 values: nearest, ties to even; too large ones become infinite (IEEE 754-2008, 4.3.1). */
export function halves(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = halfOf(bits[i] as number);
  return out;
}

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === NAN && fraction) return sign | 0x7e00;
  if (exponent >= INFINITE_FROM) return sign | 0x7c00;
  // A carry of the rounding runs into the exponent, which is what it should do.
  if (exponent >= NORMAL_FROM) return sign + rounded(((exponent - NORMAL_FROM + 1) << 23) | fraction, DROPPED);
  const shift = DROPPED + NORMAL_FROM - exponent;
  return shift > 24 ? sign : sign + rounded(0x800000 | fraction, shift);
}

/** bits / 2^shift to the nearest integer, ties to even. */
function rounded(bits: number, shift: number): number {
  const kept = bits >>> shift;
  const rest = bits & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && kept & 1) ? kept + 1 : kept;
}
