/** Bits sorted by at a time, low ones first: three passes over 32-bit keys. */
const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;
const PASSES = [0, 1, 2] as const;

/** Steps between the smallest and the largest value that histograms tell apart: flat areas need more than 16 bits. */
const BINS = 2 ** 21;

/** Gives values the distribution of others, of which there is at least one. */
export type RankMatch = (values: Float32Array, targets: Float32Array) => Float32Array<ArrayBuffer>;

/**
 * Gives the k-th smallest of `values` the k-th smallest of `targets`. With n values and m targets: the one at
 * trunc(k·(m−1)/(n−1)). Values that are equal rank in their order.
 */
export function rankMatched(values: Float32Array, targets: Float32Array): Float32Array<ArrayBuffer> {
  const order = ascending(values);
  const sorted = sortedValues(targets);
  const rank = rankAmong(sorted.length, values.length);
  const out = new Float32Array(values.length);
  for (let k = 0; k < out.length; k++) out[order[k] as number] = sorted[rank(k)] as number;
  return out;
}

/**
 * The same to within 2^21 steps of each range: values of one step rank in their order. Faster, because it
 * sorts nothing: it counts.
 */
export function rankMatchedByHistogram(values: Float32Array, targets: Float32Array): Float32Array<ArrayBuffer> {
  const bins = binsOf(targets);
  const places = startsOf(bins);
  const sorted = new Float32Array(targets.length);
  for (let i = 0; i < bins.length; i++) sorted[nextPlace(places, bins[i] as number)] = targets[i] as number;
  const own = binsOf(values);
  const ranks = startsOf(own);
  const rank = rankAmong(sorted.length, values.length);
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = sorted[rank(nextPlace(ranks, own[i] as number))] as number;
  return out;
}

/**
 * The indices of `values` in ascending order of value; equal values keep their order. Radix sort of keys that order
 * like the values, because sorting is the cost of matching colours.
 */
export function ascending(values: Float32Array): Uint32Array {
  let keys = orderedKeys(values);
  let indices = new Uint32Array(values.length);
  for (let i = 0; i < indices.length; i++) indices[i] = i;
  let [nextKeys, nextIndices] = [new Uint32Array(values.length), new Uint32Array(values.length)];
  const starts = digitStarts(keys);
  for (const pass of PASSES) {
    const places = starts[pass];
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      const place = nextPlace(places, (key >>> (pass * DIGIT_BITS)) & (DIGITS - 1));
      nextKeys[place] = key;
      nextIndices[place] = indices[i] as number;
    }
    [keys, nextKeys] = [nextKeys, keys];
    [indices, nextIndices] = [nextIndices, indices];
  }
  return indices;
}

/** The values in ascending order. */
function sortedValues(values: Float32Array): Float32Array {
  let keys = orderedKeys(values);
  let next = new Uint32Array(values.length);
  const starts = digitStarts(keys);
  for (const pass of PASSES) {
    const places = starts[pass];
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      next[nextPlace(places, (key >>> (pass * DIGIT_BITS)) & (DIGITS - 1))] = key;
    }
    [keys, next] = [next, keys];
  }
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    keys[i] = key & 0x80000000 ? key ^ 0x80000000 : ~key;
  }
  return new Float32Array(keys.buffer);
}

/** Which of `count` sorted targets the k-th of `of` values gets. */
function rankAmong(count: number, of: number): (k: number) => number {
  if (count === of) return (k) => k;
  return (k) => Math.floor((k * (count - 1)) / Math.max(of - 1, 1));
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

/** Where the keys of each digit begin, for each pass. */
function digitStarts(keys: Uint32Array): readonly [Uint32Array, Uint32Array, Uint32Array] {
  const [low, middle, high] = [new Uint32Array(DIGITS), new Uint32Array(DIGITS), new Uint32Array(DIGITS)];
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    nextPlace(low, key & (DIGITS - 1));
    nextPlace(middle, (key >>> DIGIT_BITS) & (DIGITS - 1));
    nextPlace(high, key >>> (2 * DIGIT_BITS));
  }
  return [summedBefore(low), summedBefore(middle), summedBefore(high)];
}

/** Values as equal steps between the smallest and the largest. */
function binsOf(values: Float32Array): Uint32Array {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const scale = most > least ? (BINS - 1) / (most - least) : 0;
  const bins = new Uint32Array(values.length);
  for (let i = 0; i < bins.length; i++) bins[i] = ((values[i] as number) - least) * scale + 0.5;
  return bins;
}

function startsOf(bins: Uint32Array): Uint32Array {
  const counts = new Uint32Array(BINS);
  for (let i = 0; i < bins.length; i++) nextPlace(counts, bins[i] as number);
  return summedBefore(counts);
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
