import { clamp, type Planes } from "../colour/planes.ts";
import { roundHalfToEven } from "./windows.ts";

const fround = Math.fround;

/** Sides that networks see are multiples of this: 8 pixels a cell, 2 cells a patch. */
const PADDING = 16;

export interface Size {
  readonly height: number;
  readonly width: number;
}

/** Sizes on a frame's way through the networks (seedvr2-pipeline.md section 2). */
export interface FrameSizes {
  /** After each resampling: one, or two where `maxResolution` shrinks the enlarged frame again. */
  readonly resized: readonly [Size, ...Size[]];
  /** What comes out: the resized sides rounded down to even. */
  readonly result: Size;
  /** What the networks see. */
  readonly padded: Size;
}

/** Sizes for a frame whose shortest side becomes `resolution`; `maxResolution` (0: none) bounds the longest. */
export function frameSizes(source: Size, resolution: number, maxResolution = 0): FrameSizes {
  const short = Math.min(source.height, source.width);
  const side = (length: number) => (length === short ? resolution : Math.trunc((resolution * length) / short));
  const first = { height: side(source.height), width: side(source.width) };
  const longest = Math.max(first.height, first.width);
  const tooLong = maxResolution > 0 && longest > maxResolution;
  const shrunk = (length: number) => roundHalfToEven((length * maxResolution) / longest);
  const last = tooLong ? { height: shrunk(first.height), width: shrunk(first.width) } : first;
  return {
    resized: tooLong ? [first, last] : [first],
    result: { height: even(last.height), width: even(last.width) },
    padded: paddedSize(last),
  };
}

/** Frames 0 … 1 → what the encoder gets: resized, clamped, black right and below, −1 … 1. */
export function prepareFrames(frames: Planes, sizes: FrameSizes): Planes {
  const resized = sizes.resized.reduce<Planes>((planes, size) => resizeBicubic(planes, size), frames);
  const { height, width } = sizes.padded;
  const planes = frames.frames * frames.channels;
  const data = new Float32Array(planes * height * width).fill(-1);
  for (let row = 0; row < planes * resized.height; row++) {
    const to = (Math.floor(row / resized.height) * height + (row % resized.height)) * width;
    for (let x = 0; x < resized.width; x++) {
      data[to + x] = 2 * clamp(resized.data[row * resized.width + x] as number, 0, 1) - 1;
    }
  }
  return { ...frames, height, width, data };
}

/**
 * Bicubic resampling (a = −0.5), stretched when shrinking; edges are not repeated, the weights of the pixels inside are
 * divided by their sum. Columns first, then rows. Positions in fp32, as the reference has them.
 */
export function resizeBicubic(planes: Planes, { height, width }: Size): Planes {
  const wide = width === planes.width ? planes : resizedRows(planes, width);
  if (height === planes.height) return wide;
  const taps = bicubicTaps(planes.height, height);
  const count = planes.frames * planes.channels;
  const data = new Float32Array(count * height * width);
  for (let plane = 0; plane < count; plane++) {
    const from = plane * planes.height * width;
    taps.forEach(({ first, weights }, y) => {
      const to = (plane * height + y) * width;
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) {
          sum += (weights[k] as number) * (wide.data[from + (first + k) * width + x] as number);
        }
        data[to + x] = sum;
      }
    });
  }
  return { ...wide, height, data };
}

function resizedRows(planes: Planes, width: number): Planes {
  const taps = bicubicTaps(planes.width, width);
  const rows = planes.frames * planes.channels * planes.height;
  const data = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const from = row * planes.width;
    for (let x = 0; x < width; x++) {
      const { first, weights } = taps[x] as Taps;
      let sum = 0;
      for (let k = 0; k < weights.length; k++) {
        sum += (weights[k] as number) * (planes.data[from + first + k] as number);
      }
      data[row * width + x] = sum;
    }
  }
  return { ...planes, width, data };
}

interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/** For each of `to` output elements of `from` input ones: the first input element that counts, and the weights from there. */
export function bicubicTaps(from: number, to: number): Taps[] {
  const scale = fround(from / to);
  const stretch = Math.max(scale, 1);
  const reach = fround(2 * stretch);
  return Array.from({ length: to }, (_, i) => {
    const centre = fround(scale * fround(i + 0.5));
    const first = Math.max(Math.trunc(fround(fround(centre - reach) + 0.5)), 0);
    const end = Math.min(Math.trunc(fround(fround(centre + reach) + 0.5)), from);
    const raw = Array.from({ length: end - first }, (_, k) =>
      cubic(fround(fround(fround(k + first - centre) + 0.5) * fround(1 / stretch))),
    );
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { first, weights: raw.map((weight) => weight / sum) };
  });
}

/** Keys' cubic kernel with a = −0.5. */
function cubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

function even(length: number): number {
  return length - (length % 2);
}

/** What the networks see of a frame of this size. */
export function paddedSize({ height, width }: Size): Size {
  const padded = (length: number) => Math.ceil(length / PADDING) * PADDING;
  return { height: padded(height), width: padded(width) };
}
