import { clamp, framesOf, type Planes } from "../../engine/colour/planes.ts";
import { bicubic, isMask, MASK_FILTER } from "../../engine/upscalers/alpha/enlarge-alpha.ts";
import { guidedFilter, type Plane } from "../../engine/upscalers/alpha/guided-filter.ts";

/**
 * Alpha as the reference makes it (golden/README.md, "Alpha"), faults included: ours is defined otherwise. Resampling,
 * the test for masks and the guided filter are the product's; box means that count zeros outside the picture, the map of
 * edges and the thresholds behind the filter are the reference's alone.
 */
export interface ReferenceAlpha {
  readonly edges: Planes;
  readonly guided: Planes;
  readonly out: Planes;
}

/** Radius of the filter where alpha is no mask. */
const SOFT_RADIUS = 3;

/** `alpha`: source frames, 0 … 1; `picture`: the same frames enlarged, true size, −1 … 1. */
export function referenceAlpha(alpha: Planes, picture: Planes): ReferenceAlpha {
  const mask = isMask(alpha.data);
  const unit = halfUpWhereNegative(picture);
  const shown = halfUpWhereNegative(unit);
  const radius = mask ? MASK_FILTER.radius : SOFT_RADIUS;
  const parts = Array.from({ length: alpha.frames }, (_, i) => {
    const own = bicubic(planeOf(framesOf(alpha, i, i + 1)), picture);
    const edges = edgesOf(framesOf(shown, i, i + 1));
    const guide = meanOfChannels(framesOf(unit, i, i + 1));
    const guided = guidedFilter(own, guide, { radius, eps: MASK_FILTER.eps, boxMean: meanWithZerosOutside });
    return { edges, guided, out: mask ? sharpened(guided, edges) : guided };
  });
  const joined = (part: keyof ReferenceAlpha, change = (value: number) => value): Planes => {
    const data = new Float32Array(alpha.frames * picture.height * picture.width);
    parts.forEach((planes, i) => data.set(planes[part].data.map(change), i * picture.height * picture.width));
    return { ...picture, channels: 1, frames: alpha.frames, data };
  };
  return { edges: joined("edges"), guided: joined("guided"), out: joined("out", (value) => clamp(value, 0, 1)) };
}

/** (x + 1) / 2 where any value is below 0. */
function halfUpWhereNegative(planes: Planes): Planes {
  if (planes.data.every((value) => value >= 0)) return planes;
  return { ...planes, data: planes.data.map((value) => (value + 1) / 2) };
}

function planeOf({ width, height, data }: Planes): Plane {
  return { width, height, data };
}

function meanOfChannels({ width, height, data }: Planes): Plane {
  const area = width * height;
  const channel = (c: number, i: number) => data[c * area + i] as number;
  const grey = Float32Array.from({ length: area }, (_, i) => (channel(0, i) + channel(1, i) + channel(2, i)) / 3);
  return { width, height, data: grey };
}

/** Mean over the box as if the picture went on with zeros. */
function meanWithZerosOutside({ width, height, data }: Plane, radius: number): Plane {
  const out = new Float32Array(data.length);
  const side = 2 * radius + 1;
  for (let at = 0; at < data.length; at++) {
    const [x, y] = [at % width, Math.floor(at / width)];
    let sum = 0;
    for (let row = Math.max(0, y - radius); row <= Math.min(height - 1, y + radius); row++) {
      for (let i = Math.max(0, x - radius); i <= Math.min(width - 1, x + radius); i++) {
        sum += data[row * width + i] as number;
      }
    }
    out[at] = sum / side ** 2;
  }
  return { width, height, data: out };
}

/** Strength of edges, in steps of 1/255 of the strongest: Sobel on OpenCV's 8-bit grey. */
function edgesOf(frame: Planes): Plane {
  const { width, height } = frame;
  const grey = byteGrey(frame);
  const at = (x: number, y: number) => grey[mirrored(y, height) * width + mirrored(x, width)] as number;
  const strength = Float64Array.from(grey, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const column = (dx: number) => at(x + dx, y - 1) + 2 * at(x + dx, y) + at(x + dx, y + 1);
    const row = (dy: number) => at(x - 1, y + dy) + 2 * at(x, y + dy) + at(x + 1, y + dy);
    return Math.hypot(column(1) - column(-1), row(1) - row(-1));
  });
  const most = strength.reduce((largest, value) => Math.max(largest, value), 0) || 1;
  return { width, height, data: Float32Array.from(strength, (value) => Math.trunc((value / most) * 255) / 255) };
}

/** Values 0 … 1 cut to bytes, then cv2.COLOR_RGB2GRAY. */
function byteGrey({ width, height, data }: Planes): Uint8Array {
  const area = width * height;
  const byte = (c: number, i: number) => Math.trunc(clamp(Math.fround((data[c * area + i] as number) * 255), 0, 255));
  return Uint8Array.from(
    { length: area },
    (_, i) => (9798 * byte(0, i) + 19235 * byte(1, i) + 3735 * byte(2, i) + 16384) >> 15,
  );
}

/** Outside goes back inside, the pixel at the edge not doubled. */
function mirrored(place: number, length: number): number {
  if (length === 1) return 0;
  return place < 0 ? -place : place >= length ? 2 * (length - 1) - place : place;
}

/** What the reference does with a mask behind the filter: steep at edges, all or nothing away from them. */
function sharpened(guided: Plane, edges: Plane): Plane {
  const { width, height } = guided;
  const near = largestAround(edges);
  const data = guided.data.map((value, i) => {
    const around = near.data[i] as number;
    const edge = edges.data[i] as number;
    const steepness = Math.min(edge / 0.25, 1);
    let made = value * (1 - steepness) + steepness / (1 + Math.exp(-12 * (value - 0.5)));
    if (around < 0.05) made = value > 0.5 ? 1 : 0;
    const unsure = made > 0.3 && made < 0.7 && edge <= 0.15;
    return around < 0.03 || unsure ? Number(made > 0.5) : made;
  });
  return { width, height, data };
}

function largestAround({ width, height, data }: Plane): Plane {
  const out = data.map((_, at) => {
    const [x, y] = [at % width, Math.floor(at / width)];
    let most = 0;
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let i = Math.max(0, x - 1); i <= Math.min(width - 1, x + 1); i++) {
        most = Math.max(most, data[row * width + i] as number);
      }
    }
    return most;
  });
  return { width, height, data: out };
}
