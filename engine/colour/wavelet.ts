import { clamp, type Planes } from "./planes.ts";

/** Levels of the decomposition; the blur of level i is dilated by 2^i. */
const LEVELS = 5;
/** A blur reaches at most this part of the shorter side. */
const SIDE_PER_REACH = 8;

/**
 * Fine structure of the content on the coarse one of the style, clamped to ±1 (seedvr2-pipeline.md section 6). Both are
 * of equal size.
 */
export function wavelet(content: Planes, style: Planes): Planes {
  const coarseContent = coarse(content);
  const coarseStyle = coarse(style);
  const data = new Float32Array(content.data.length);
  for (let i = 0; i < data.length; i++) {
    const fine = (content.data[i] as number) - (coarseContent[i] as number);
    data[i] = clamp(fine + (coarseStyle[i] as number), -1, 1);
  }
  return { ...content, data };
}

/** All planes blurred by (1 2 1)⊗(1 2 1)/16 at growing distances, edges repeated. */
function coarse(planes: Planes): Float32Array {
  const { height, width } = planes;
  const most = Math.max(Math.floor(Math.min(height, width) / SIDE_PER_REACH), 1);
  let from = planes.data;
  for (let level = 0; level < LEVELS; level++) {
    const reach = Math.min(2 ** level, most);
    from = blurredColumns(blurredRows(from, width, reach), { height, width, reach });
  }
  return from;
}

function blurredRows(from: Float32Array, width: number, reach: number): Float32Array<ArrayBuffer> {
  const to = new Float32Array(from.length);
  for (let row = 0; row < from.length; row += width) {
    const end = row + width - 1;
    for (let i = row; i <= end; i++) {
      const before = from[i - reach < row ? row : i - reach] as number;
      const behind = from[i + reach > end ? end : i + reach] as number;
      to[i] = 0.25 * before + 0.5 * (from[i] as number) + 0.25 * behind;
    }
  }
  return to;
}

function blurredColumns(
  from: Float32Array,
  { height, width, reach }: { height: number; width: number; reach: number },
): Float32Array<ArrayBuffer> {
  const to = new Float32Array(from.length);
  const area = height * width;
  for (let plane = 0; plane < from.length; plane += area) {
    for (let row = 0; row < height; row++) {
      const at = plane + row * width;
      const above = plane + Math.max(row - reach, 0) * width;
      const below = plane + Math.min(row + reach, height - 1) * width;
      for (let i = 0; i < width; i++) {
        const outer = (from[above + i] as number) + (from[below + i] as number);
        to[at + i] = 0.25 * outer + 0.5 * (from[at + i] as number);
      }
    }
  }
  return to;
}
