/** Bits sorted by at a time, low ones first. */
const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;

/** Passes over the keys: all 32 bits of an fp32 value, or two digits of a step. */
const EXACT_PASSES = 3;
const STEP_PASSES = 2;
/** Steps between the smallest and the largest value: flat areas need more than 16 bits. */
const STEPS = 2 ** (STEP_PASSES * DIGIT_BITS);

/** Gives values the distribution of others, of which there is at least one. */
export type RankMatch = (values: Float32Array, targets: Float32Array) => Float32Array<ArrayBuffer>;

/**
 * Gives the k-th smallest of `values` the k-th smallest of `targets`. With n values and m targets: the one at
 * trunc(k·(m−1)/(n−1)). Values that are equal rank in their order.
 */
export function rankMatched(values: Float32Array, targets: Float32Array): Float32Array<ArrayBuffer> {
  const sorted = sortedKeys(orderedKeys(targets), EXACT_PASSES);
  for (let i = 0; i < sorted.length; i++) {
    const key = sorted[i] as number;
    sorted[i] = key & 0x80000000 ? key ^ 0x80000000 : ~key;
  }
  return handedOut(new Float32Array(sorted.buffer), ascending(values));
}

/**
 * The same by histograms of 2^22 steps between the smallest and the largest value of each side: values of one step rank
 * in their order. Two passes in place of three.
 */
export function rankMatchedByHistogram(values: Float32Array, targets: Float32Array): Float32Array<ArrayBuffer> {
  const { keys, least, scale } = stepsOf(targets);
  const sorted = Float32Array.from(sortedKeys(keys, STEP_PASSES));
  for (let i = 0; i < sorted.length; i++) sorted[i] = scale > 0 ? (sorted[i] as number) / scale + least : least;
  return handedOut(sorted, order(stepsOf(values).keys, STEP_PASSES));
}

/**
 * The indices of `values` in ascending order of value; equal values keep their order. Radix sort of keys that order
 * like the values, because sorting is the cost of matching colours.
 */
export function ascending(values: Float32Array): Uint32Array {
  return order(orderedKeys(values), EXACT_PASSES);
}

/** The sorted targets by rank: `ranked` holds the indices of the values, smallest first. */
function handedOut(sorted: Float32Array, ranked: Uint32Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(ranked.length);
  const most = sorted.length - 1;
  const last = Math.max(ranked.length - 1, 1);
  if (sorted.length === ranked.length) {
    for (let k = 0; k < out.length; k++) out[ranked[k] as number] = sorted[k] as number;
  } else {
    for (let k = 0; k < out.length; k++) out[ranked[k] as number] = sorted[Math.floor((k * most) / last)] as number;
  }
  return out;
}

/** Indices in the order of the keys' lowest `passes` digits. */
function order(from: Uint32Array<ArrayBuffer>, passes: number): Uint32Array {
  const starts = digitStarts(from, passes);
  let [keys, nextKeys] = [from, new Uint32Array(from.length)];
  let [indices, nextIndices] = [new Uint32Array(from.length), new Uint32Array(from.length)];
  for (let i = 0; i < indices.length; i++) indices[i] = i;
  starts.forEach((places, pass) => {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      const place = nextPlace(places, (key >>> (pass * DIGIT_BITS)) & (DIGITS - 1));
      nextKeys[place] = key;
      nextIndices[place] = indices[i] as number;
    }
    [keys, nextKeys] = [nextKeys, keys];
    [indices, nextIndices] = [nextIndices, indices];
  });
  return indices;
}

/** The keys in ascending order of their lowest `passes` digits; uses the memory of those given. */
function sortedKeys(from: Uint32Array<ArrayBuffer>, passes: number): Uint32Array<ArrayBuffer> {
  const starts = digitStarts(from, passes);
  let [keys, next] = [from, new Uint32Array(from.length)];
  starts.forEach((places, pass) => {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      next[nextPlace(places, (key >>> (pass * DIGIT_BITS)) & (DIGITS - 1))] = key;
    }
    [keys, next] = [next, keys];
  });
  return keys;
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

/** Values as steps of 1 / `scale` above the least; `scale` is 0 where all are equal. */
function stepsOf(values: Float32Array): { keys: Uint32Array<ArrayBuffer>; least: number; scale: number } {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const scale = most > least ? (STEPS - 1) / (most - least) : 0;
  const keys = new Uint32Array(values.length);
  for (let i = 0; i < keys.length; i++) keys[i] = ((values[i] as number) - least) * scale + 0.5;
  return { keys, least, scale };
}

/** Where the keys of each digit begin, for each pass. */
function digitStarts(keys: Uint32Array, passes: number): readonly Uint32Array[] {
  return Array.from({ length: passes }, (_, pass) => {
    const counts = new Uint32Array(DIGITS);
    const shift = pass * DIGIT_BITS;
    for (let i = 0; i < keys.length; i++) nextPlace(counts, ((keys[i] as number) >>> shift) & (DIGITS - 1));
    return summedBefore(counts);
  });
}

/** Counts, each replaced by the sum of those before it. */
function summedBefore(counts: Uint32Array): Uint32Array {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] as number;
    counts[i] = sum;
    sum += count;
  }
  return counts;
}

/** The counter's value before it is raised by one. */
function nextPlace(counters: Uint32Array, at: number): number {
  const place = counters[at] as number;
  counters[at] = place + 1;
  return place;
}
