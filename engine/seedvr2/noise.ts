/**
 * Normal noise by position: a value depends on seed, stream and place alone, not on the order of drawing, so that
 * batches and tiles that overlap agree. Philox4×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * 2011), key (seed, stream), counter (t, y, x, c/4), then Box–Muller in double.
 */
export const noiseStreams = { latent: 0, augmentation: 1, input: 2 } as const;

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

type Block = readonly [number, number, number, number];

/** Four random 32-bit numbers for a counter and a key. */
export function philox(counter: Block, key: readonly [number, number]): Block {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

export interface NoiseShape {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Standard normal values [frames, height, width, channels]. */
export function normalNoise(
  { frames, height, width, channels }: NoiseShape,
  seed: number,
  stream: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(frames * height * width * channels);
  for (let cell = 0; cell < frames * height * width; cell++) {
    const [t, y, x] = [Math.floor(cell / (height * width)), Math.floor(cell / width) % height, cell % width];
    for (let c = 0; c < channels; c += 4) {
      const four = normals(philox([t, y, x, c / 4], [seed >>> 0, stream]));
      for (let i = 0; i < Math.min(4, channels - c); i++) out[cell * channels + c + i] = four[i] as number;
    }
  }
  return out;
}

/** Box–Muller: two normal values from each two uniform ones; the first of them is never 0. */
function normals([a, b, c, d]: Block): Block {
  const pair = (u: number, v: number): [number, number] => {
    const radius = Math.sqrt(-2 * Math.log((u + 1) / 2 ** 32));
    const angle = (2 * Math.PI * v) / 2 ** 32;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  };
  return [...pair(a, b), ...pair(c, d)];
}

/** Upper half of a product of two unsigned 32-bit numbers, by 16-bit parts. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return aHigh * bHigh + Math.floor(middle / 65_536) + Math.floor(carry / 65_536);
}
