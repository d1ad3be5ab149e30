/** Bits sorted by at a time, low ones first: three passes over 32-bit keys. */
const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;

/**
 * The indices of `values` in ascending order of value; equal values keep their order. Radix sort of keys that order
 * like the values, because sorting is the cost of matching colours.
 */
export function ascending(values: Float32Array): Uint32Array {
  let keys = orderedKeys(values);
  let indices = new Uint32Array(values.length).map((_, i) => i);
  let [nextKeys, nextIndices] = [new Uint32Array(values.length), new Uint32Array(values.length)];
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const starts = digitStarts(keys, shift);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      const digit = (key >>> shift) & (DIGITS - 1);
      const place = starts[digit] as number;
      starts[digit] = place + 1;
      nextKeys[place] = key;
      nextIndices[place] = indices[i] as number;
    }
    [keys, nextKeys] = [nextKeys, keys];
    [indices, nextIndices] = [nextIndices, indices];
  }
  return indices;
}

/**
 * Gives the k-th smallest of `values` the k-th smallest of `targets`. With n values and m targets: the one at
 * trunc(k·(m−1)/(n−1)). Values that are equal rank in their order.
 */
export function rankMatched(values: Float32Array, targets: Float32Array): Float32Array<ArrayBuffer> {
  const order = ascending(values);
  const sorted = targets.slice().sort();
  const [n, m] = [values.length, targets.length];
  const out = new Float32Array(n);
  for (let k = 0; k < n; k++) {
    const at = n === m ? k : Math.floor((k * (m - 1)) / Math.max(n - 1, 1));
    out[order[k] as number] = sorted[at] as number;
  }
  return out;
}

/** Unsigned numbers that order like the values: sign bit flipped, negative numbers inverted. */
function orderedKeys(values: Float32Array): Uint32Array<ArrayBuffer> {
  const bits = new Uint32Array(values.slice().buffer);
  for (let i = 0; i < bits.length; i++) {
    const bit = bits[i] as number;
    bits[i] = bit & 0x80000000 ? ~bit : bit | 0x80000000;
  }
  return bits;
}

function digitStarts(keys: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(DIGITS);
  for (let i = 0; i < keys.length; i++) {
    const digit = ((keys[i] as number) >>> shift) & (DIGITS - 1);
    starts[digit] = (starts[digit] as number) + 1;
  }
  let sum = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const count = starts[digit] as number;
    starts[digit] = sum;
    sum += count;
  }
  return starts;
}
