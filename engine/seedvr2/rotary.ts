import type { TransformerSizes } from "../weights/network.ts";
import type { TokenOrder } from "./token-order.ts";

/**
 * Rotary position embedding (seedvr2-dit.md section 6). Adjacent pairs of a head's features are turned by position ·
 * frequency; three runs of pairs serve t, h and w, the rest stands still (angle 0).
 */
export interface RotaryAngles {
  readonly rows: number;
  /** Pairs of a head, headDim / 2. */
  readonly pairs: number;
  /** Both [rows, pairs]. */
  readonly cosines: Float32Array;
  readonly sines: Float32Array;
}

/** Base of the language frequencies, and the largest pixel frequency in units of π. */
const LANGUAGE_BASE = 10_000;
const LARGEST_PIXEL_FREQUENCY = 128;

/** The frequencies of one axis, by formula, whatever a half-precision checkpoint has stored. */
export function rotaryFrequencies({ rotary, headDim }: Pick<TransformerSizes, "rotary" | "headDim">): number[] {
  if (rotary === "language") {
    const features = Math.floor(headDim / 3);
    const count = Math.floor(features / 2);
    return Array.from({ length: count }, (_, i) => LANGUAGE_BASE ** ((-2 * i) / features));
  }
  const count = Math.floor(Math.floor(headDim / 2 / 3) / 2);
  return linspace(1, LARGEST_PIXEL_FREQUENCY, count).map((f) => Math.PI * f);
}

/** Angles of the video tokens in an order; positions restart in each window. Language positions in t start after the text. */
export function videoAngles(
  sizes: Pick<TransformerSizes, "rotary" | "headDim">,
  frequencies: readonly number[],
  { windows, raster }: TokenOrder,
  textRows: number,
): RotaryAngles {
  const angles = emptyAngles(raster.length, sizes.headDim);
  let row = 0;
  for (const [t0, t1, h0, h1, w0, w1] of windows) {
    const extent = [t1 - t0, h1 - h0, w1 - w0] as const;
    const places =
      sizes.rotary === "pixel"
        ? extent.map((n) => linspace(-1, 1, n))
        : extent.map((n, axis) => Array.from({ length: n }, (_, i) => (axis === 0 ? textRows + i : i)));
    const [ts = [], hs = [], ws = []] = places;
    for (const t of ts) {
      for (const h of hs) {
        for (const w of ws) setRow(angles, row++, frequencies, [t, h, w]);
      }
    }
  }
  return angles;
}

/** Angles of the text rows: row i stands at i on all three axes. */
export function textAngles(headDim: number, frequencies: readonly number[], rows: number): RotaryAngles {
  const angles = emptyAngles(rows, headDim);
  for (let row = 0; row < rows; row++) setRow(angles, row, frequencies, [row, row, row]);
  return angles;
}

function emptyAngles(rows: number, headDim: number): RotaryAngles {
  const pairs = headDim / 2;
  const cosines = new Float32Array(rows * pairs).fill(1);
  return { rows, pairs, cosines, sines: new Float32Array(rows * pairs) };
}

function setRow(
  { pairs, cosines, sines }: RotaryAngles,
  row: number,
  frequencies: readonly number[],
  position: readonly [number, number, number],
): void {
  let at = row * pairs;
  for (const place of position) {
    for (const frequency of frequencies) {
      cosines[at] = Math.cos(place * frequency);
      sines[at] = Math.sin(place * frequency);
      at++;
    }
  }
}

/** `count` evenly spaced values with both ends; the first end alone where count is 1. */
function linspace(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (count === 1 ? from : from + ((to - from) * i) / (count - 1)));
}
