import { emptyTriple, type Triple } from "./cielab.ts";
import { planesOf, triple } from "./lab.ts";
import { clamp, type Planes } from "./planes.ts";
import { rankMatched } from "./rank-match.ts";

const fround = Math.fround;

/** Bins of 30° of hue; a bin is matched where both pictures have more pixels in it than this. */
const BINS = 12;
const FEWEST_PIXELS = 100;

/**
 * Hue and value of the content; saturation takes the style's distribution by rank within each bin of hue
 * (seedvr2-pipeline.md section 6). Bin 0 also takes the hues of the last one, which comes after it.
 */
export function hsv(content: Planes, style: Planes): Planes {
  const own = hueSaturationValue(content);
  const wanted = hueSaturationValue(style);
  const saturation = own.second.slice();
  for (let bin = 0; bin < BINS; bin++) {
    const here = pixelsIn(own.first, bin);
    const there = pixelsIn(wanted.first, bin);
    if (here.length <= FEWEST_PIXELS || there.length <= FEWEST_PIXELS) continue;
    const matched = rankMatched(picked(own.second, here), picked(wanted.second, there));
    here.forEach((pixel, i) => {
      saturation[pixel] = matched[i] as number;
    });
  }
  return planesOf(rgbFrom({ ...own, second: saturation }), content);
}

/** Hue, saturation and value in 0 … 1 of values −1 … 1, each step in fp32: 8-bit pictures have hues exactly on an edge. */
export function hueSaturationValue(planes: Planes): Triple {
  const { first: r, second: g, third: b } = triple(planes);
  const out = emptyTriple(r.length);
  for (let i = 0; i < r.length; i++) {
    const [red, green, blue] = [unit(r[i] as number), unit(g[i] as number), unit(b[i] as number)];
    const most = Math.max(red, green, blue);
    const spread = fround(most - Math.min(red, green, blue));
    out.third[i] = most;
    if (spread === 0) continue;
    out.second[i] = spread / most;
    out.first[i] = fround(sextant([red, green, blue], most, spread) / 6);
  }
  return out;
}

/** Hue in sixths of the circle, 0 … 6. */
function sextant([r, g, b]: readonly [number, number, number], most: number, spread: number): number {
  if (most === r) {
    const turn = fround(fround(g - b) / spread);
    return turn < 0 ? fround(turn + 6) : turn;
  }
  if (most === g) return fround(fround(fround(b - r) / spread) + 2);
  return fround(fround(fround(r - g) / spread) + 4);
}

function rgbFrom({ first: hue, second: saturation, third: value }: Triple): Triple {
  const rgb = emptyTriple(hue.length);
  for (let i = 0; i < hue.length; i++) {
    const v = value[i] as number;
    const s = saturation[i] as number;
    const sixth = (hue[i] as number) * 6;
    const channel = (offset: number) => {
      const k = (offset + sixth) % 6;
      return 2 * (v - v * s * clamp(Math.min(k, 4 - k), 0, 1)) - 1;
    };
    rgb.first[i] = channel(5);
    rgb.second[i] = channel(3);
    rgb.third[i] = channel(1);
  }
  return rgb;
}

function pixelsIn(hues: Float32Array, bin: number): Uint32Array {
  const [low, high] = [fround(bin / BINS), fround((bin + 1) / BINS)];
  const wrapped = bin === 0 ? fround(1 - fround(1 / BINS)) : Number.POSITIVE_INFINITY;
  const pixels = new Uint32Array(hues.length);
  let count = 0;
  for (let i = 0; i < hues.length; i++) {
    const hue = hues[i] as number;
    if ((hue >= low && hue < high) || hue >= wrapped) pixels[count++] = i;
  }
  return pixels.subarray(0, count);
}

function picked(values: Float32Array, pixels: Uint32Array): Float32Array {
  return new Float32Array(pixels.length).map((_, i) => values[pixels[i] as number] as number);
}

function unit(value: number): number {
  return clamp(fround(fround(value + 1) / 2), 0, 1);
}
