import { clamp, type Planes } from "../../colour/planes.ts";
import { type Frame, type Samples, samples } from "../../media/frame.ts";
import { bicubicTaps, resizeBicubic } from "../../seedvr2/resize.ts";
import { guidedDetail, type Plane } from "./guided-filter.ts";

/** Alpha is a mask where more than this share of it is nearly transparent or nearly opaque. */
const MASK_SHARE = 0.95;
const NEARLY_TRANSPARENT = 0.1;
const NEARLY_OPAQUE = 0.9;

/** The guided filter of masks: pixels of the enlarged picture, variance of its grey (seedvr2-pipeline.md section 7). */
export const MASK_FILTER = { radius: 2, eps: 0.002 } as const;

/** Rows of the result that are filtered at a time: keeps memory bounded. */
const STRIP = 256;

/** What the source's alpha is in all pixels that an enlarged one is made of. */
const TRANSPARENT = 0;
const OPAQUE = 1;
const UNDECIDED = 2;

/**
 * Alpha at the size of `picture`, which is the enlarged `source` (beyond-the-reference.md section 8). Bicubic; a mask's
 * edges then follow the picture's, by the detail of a guided filter: the plain one is blurred where the picture tells
 * nothing, and doubles the error of edges. Exactly 0 or opaque where all source pixels are that a bicubic kernel takes.
 */
export function enlargeAlpha(source: Frame & { alpha: Samples }, picture: Frame): Samples {
  const { width, height, depth } = picture;
  const opaque = 2 ** source.depth - 1;
  const alpha = Float32Array.from(source.alpha, (value) => value / opaque);
  const kind = solidity(source, picture);
  const smooth = kind.includes(UNDECIDED) ? bicubic({ ...source, data: alpha }, picture) : undefined;
  if (smooth && isMask(alpha)) followEdges(smooth, picture, kind);
  const peak = 2 ** depth - 1;
  const made = samples(depth, width * height);
  for (let i = 0; i < made.length; i++) {
    const value = kind[i] === UNDECIDED && smooth ? clamp(smooth.data[i] as number, 0, 1) : (kind[i] as number);
    made[i] = Math.round(value * peak);
  }
  return made;
}

/** Whether alpha (0 … 1) cuts out rather than fades. */
export function isMask(alpha: Float32Array): boolean {
  let decided = 0;
  for (const value of alpha) if (value < NEARLY_TRANSPARENT || value > NEARLY_OPAQUE) decided++;
  return decided > MASK_SHARE * alpha.length;
}

/** Alpha enlarged by the kernel of SeedVR2's frames, clamped to 0 … 1. */
export function bicubic(alpha: Plane, size: { readonly width: number; readonly height: number }): Plane {
  const { width, height } = alpha;
  const planes: Planes = { frames: 1, channels: 1, height, width, data: Float32Array.from(alpha.data) };
  const { data } = resizeBicubic(planes, size);
  return { width: size.width, height: size.height, data: data.map((value) => clamp(value, 0, 1)) };
}

/** Filters what is undecided, in place, strip by strip; strips see as many rows around as the filter reaches. */
function followEdges({ width, height, data }: Plane, picture: Frame, kind: Uint8Array): void {
  const reach = 2 * MASK_FILTER.radius;
  const original = data.slice();
  for (let top = 0; top < height; top += STRIP) {
    const bottom = Math.min(top + STRIP, height);
    if (!kind.subarray(top * width, bottom * width).includes(UNDECIDED)) continue;
    const from = Math.max(0, top - reach);
    const to = Math.min(height, bottom + reach);
    const values = { width, height: to - from, data: original.subarray(from * width, to * width) };
    const filtered = guidedDetail(values, greyRows(picture, from, to), MASK_FILTER);
    data.set(filtered.data.subarray((top - from) * width, (bottom - from) * width), top * width);
  }
}

/** Plain mean of R, G and B, 0 … 1, of rows `from` … `to` (excluded). */
function greyRows({ width, depth, rgb }: Frame, from: number, to: number): Plane {
  const whole = 3 * (2 ** depth - 1);
  const data = new Float32Array((to - from) * width);
  for (let i = 0; i < data.length; i++) {
    const at = (from * width + i) * 3;
    data[i] = ((rgb[at] as number) + (rgb[at + 1] as number) + (rgb[at + 2] as number)) / whole;
  }
  return { width, height: to - from, data };
}

/** For each pixel of the result: TRANSPARENT or OPAQUE where its source pixels all are, else UNDECIDED. */
function solidity(source: Frame & { alpha: Samples }, { width, height }: Frame): Uint8Array {
  const opaque = 2 ** source.depth - 1;
  const own = Uint8Array.from(source.alpha, (value) => {
    if (value === 0) return TRANSPARENT;
    return value === opaque ? OPAQUE : UNDECIDED;
  });
  const columns = bicubicTaps(source.width, width);
  const wide = new Uint8Array(source.height * width);
  for (let y = 0; y < source.height; y++) {
    columns.forEach(({ first, weights }, x) => {
      const at = y * source.width + first;
      wide[y * width + x] = agreed(own, at, { count: weights.length, step: 1 });
    });
  }
  const made = new Uint8Array(height * width);
  bicubicTaps(source.height, height).forEach(({ first, weights }, y) => {
    for (let x = 0; x < width; x++) {
      made[y * width + x] = agreed(wide, first * width + x, { count: weights.length, step: width });
    }
  });
  return made;
}

/** What all of some values are, or UNDECIDED. */
function agreed(kinds: Uint8Array, at: number, { count, step }: { count: number; step: number }): number {
  const first = kinds[at] as number;
  for (let i = 1; i < count; i++) if (kinds[at + i * step] !== first) return UNDECIDED;
  return first;
}
