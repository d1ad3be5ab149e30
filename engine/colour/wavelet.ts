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
  const { height, width } = content;
  const area = height * width;
  const data = new Float32Array(content.data.length);
  // One plane after the other in the same memory: larger than that, it is fetching it that takes the time.
  const [own, wanted, between] = [new Float32Array(area), new Float32Array(area), new Float32Array(area)];
  for (let start = 0; start < data.length; start += area) {
    const plane = content.data.subarray(start, start + area);
    blur(plane, own, between, width);
    blur(style.data.subarray(start, start + area), wanted, between, width);
    for (let i = 0; i < area; i++) {
      const fine = (plane[i] as number) - (own[i] as number);
      data[start + i] = clamp(fine + (wanted[i] as number), -1, 1);
    }
  }
  return { ...content, data };
}

/** A plane blurred by (1 2 1)⊗(1 2 1)/16 at growing distances, edges repeated; `between` is scratch memory. */
function blur(plane: Float32Array, into: Float32Array, between: Float32Array, width: number): void {
  const most = Math.max(Math.floor(Math.min(plane.length / width, width) / SIDE_PER_REACH), 1);
  for (let level = 0; level < LEVELS; level++) {
    const reach = Math.min(2 ** level, most);
    blurRows(level === 0 ? plane : into, between, { width, reach });
    blurColumns(between, into, { width, reach });
  }
}

interface Blur {
  readonly width: number;
  readonly reach: number;
}

function blurRows(from: Float32Array, to: Float32Array, { width, reach }: Blur): void {
  for (let row = 0; row < from.length; row += width) {
    const end = row + width - 1;
    const nearEdge = (i: number) => {
      const outer = (from[Math.max(i - reach, row)] as number) + (from[Math.min(i + reach, end)] as number);
      return 0.25 * outer + 0.5 * (from[i] as number);
    };
    const firstInner = Math.min(row + reach, end + 1);
    const firstBehind = Math.max(end + 1 - reach, firstInner);
    for (let i = row; i < firstInner; i++) to[i] = nearEdge(i);
    for (let i = firstInner; i < firstBehind; i++) {
      const outer = (from[i - reach] as number) + (from[i + reach] as number);
      to[i] = 0.25 * outer + 0.5 * (from[i] as number);
    }
    for (let i = firstBehind; i <= end; i++) to[i] = nearEdge(i);
  }
}

function blurColumns(from: Float32Array, to: Float32Array, { width, reach }: Blur): void {
  const last = from.length - width;
  for (let row = 0; row <= last; row += width) {
    const above = Math.max(row - reach * width, 0);
    const below = Math.min(row + reach * width, last);
    for (let i = 0; i < width; i++) {
      const outer = (from[above + i] as number) + (from[below + i] as number);
      to[row + i] = 0.25 * outer + 0.5 * (from[row + i] as number);
    }
  }
}
