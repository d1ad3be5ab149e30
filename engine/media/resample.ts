import type { Samples } from "./frame.ts";

export interface SamplesSize {
  readonly width: number;
  readonly height: number;
}

/** Lobes of the kernel on each side. */
const LOBES = 3;

/** What one output position is made of: source positions from `first` on, by weight; the weights sum to 1. */
interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

/**
 * Interleaved samples at another size, by a separable Lanczos kernel of 3 lobes (Duchon 1979), stretched where the
 * picture shrinks; pixel centres stay where they are, and at the edges the pixels inside share the weight. Own code,
 * because libvips shifts what it enlarges by up to half a pixel.
 */
export function resample(values: Samples, channels: number, from: SamplesSize, to: SamplesSize): Samples {
  const columns = tapsOf(from.width, to.width);
  const rows = tapsOf(from.height, to.height);
  const wide = new Float32Array(from.height * to.width * channels);
  for (let y = 0; y < from.height; y++)
    mixRow(values, y * from.width * channels, columns, {
      into: wide,
      at: y * to.width * channels,
      channels,
    });
  const row = to.width * channels;
  const peak = values instanceof Uint8Array ? 255 : 65535;
  const made = values instanceof Uint8Array ? new Uint8Array(to.height * row) : new Uint16Array(to.height * row);
  rows.forEach(({ first, weights }, y) => {
    for (let i = 0; i < row; i++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k]! * wide[(first + k) * row + i]!;
      made[y * row + i] = Math.min(peak, Math.max(0, Math.round(sum)));
    }
  });
  return made;
}

interface Row {
  readonly into: Float32Array;
  readonly at: number;
  readonly channels: number;
}

function mixRow(values: Samples, offset: number, columns: readonly Taps[], { into, at, channels }: Row): void {
  columns.forEach(({ first, weights }, x) => {
    for (let channel = 0; channel < channels; channel++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k]! * values[offset + (first + k) * channels + channel]!;
      into[at + x * channels + channel] = sum;
    }
  });
}

function tapsOf(from: number, to: number): Taps[] {
  const ratio = from / to;
  const stretch = Math.max(1, ratio);
  return Array.from({ length: to }, (_, position) => {
    const centre = (position + 0.5) * ratio - 0.5;
    const first = Math.max(0, Math.ceil(centre - LOBES * stretch));
    const last = Math.min(from - 1, Math.floor(centre + LOBES * stretch));
    const raw = Float64Array.from({ length: last - first + 1 }, (__, k) => lanczos((first + k - centre) / stretch));
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { first, weights: raw.map((weight) => weight / sum) };
  });
}

/** sinc(x) · sinc(x / 3) within 3 lobes. */
function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= LOBES) return 0;
  const angle = Math.PI * x;
  return (LOBES * Math.sin(angle) * Math.sin(angle / LOBES)) / angle ** 2;
}
