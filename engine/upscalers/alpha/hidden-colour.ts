import { type Frame, samples } from "../../media/frame.ts";

const COLOURS = 3;

/** Colours of a picture that is a half, a quarter … as large, and how much of what is visible each pixel stands for. */
interface Level {
  readonly width: number;
  readonly height: number;
  /** Interleaved RGB, height · width · 3 values. */
  readonly colour: Float32Array;
  /** 0: nothing visible below, 1 or more: a whole pixel's worth. */
  readonly weight: Float32Array;
}

/**
 * The frame without alpha: where alpha is 0, its colour is made from the visible pixels around, so that what was hidden
 * there does not reach the visible pixels through a network. All other pixels are kept. Pull and push over halved
 * pictures: each hidden pixel takes the finest mean that sees something (Gortler et al., The Lumigraph, 1996, section 3.4).
 */
export function withoutHiddenColour(frame: Frame): Frame {
  const { alpha, ...opaque } = frame;
  if (!alpha || !alpha.includes(0) || alpha.every((value) => value === 0)) return opaque;
  const levels = [halvedFrame(frame)];
  for (let last = levels[0] as Level; last.width * last.height > 1; levels.push(last)) last = halved(last);
  for (let i = levels.length - 2; i >= 0; i--) fillFrom(levels[i + 1] as Level, levels[i] as Level);
  return { ...opaque, rgb: filled(frame, levels[0] as Level) };
}

/** A level for what 2×2 pixels each add up to. */
function emptyHalf(width: number, height: number): Level {
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  return { width: w, height: h, colour: new Float32Array(w * h * COLOURS), weight: new Float32Array(w * h) };
}

/** The frame's visible pixels at half the size, weighted by alpha. */
function halvedFrame({ width, height, depth, rgb, alpha }: Frame): Level {
  const half = emptyHalf(width, height);
  const peak = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const weight = (alpha?.[y * width + x] ?? peak) / peak;
      if (weight > 0) add(half, (y >> 1) * half.width + (x >> 1), { from: rgb, at: y * width + x, weight });
    }
  }
  return averaged(half);
}

function halved({ width, height, colour, weight }: Level): Level {
  const half = emptyHalf(width, height);
  for (let at = 0; at < weight.length; at++) {
    const [x, y] = [at % width, Math.floor(at / width)];
    const own = Math.min(weight[at] as number, 1);
    if (own > 0) add(half, (y >> 1) * half.width + (x >> 1), { from: colour, at, weight: own });
  }
  return averaged(half);
}

function add(half: Level, to: number, pixel: { from: ArrayLike<number>; at: number; weight: number }): void {
  const { from, at, weight } = pixel;
  half.weight[to] = (half.weight[to] as number) + weight;
  for (let c = 0; c < COLOURS; c++) {
    const place = to * COLOURS + c;
    half.colour[place] = (half.colour[place] as number) + weight * (from[at * COLOURS + c] as number);
  }
}

/** Sums of weighted colours become colours. */
function averaged(level: Level): Level {
  const { colour, weight } = level;
  for (let i = 0; i < colour.length; i++) {
    const sum = weight[Math.floor(i / COLOURS)] as number;
    if (sum > 0) colour[i] = (colour[i] as number) / sum;
  }
  return level;
}

/** What a level does not see, or hardly, comes from the next coarser one, which is complete. */
function fillFrom(coarse: Level, { width, colour, weight }: Level): void {
  const found = new Float32Array(COLOURS);
  for (let at = 0; at < weight.length; at++) {
    const own = weight[at] as number;
    if (own >= 1) continue;
    between(coarse, at % width, Math.floor(at / width), found);
    for (let c = 0; c < COLOURS; c++) {
      const place = at * COLOURS + c;
      colour[place] = own * (colour[place] as number) + (1 - own) * (found[c] as number);
    }
  }
}

/** The frame's samples, hidden ones from the first level. */
function filled({ width, depth, rgb, alpha }: Frame, level: Level): Frame["rgb"] {
  const made = samples(depth, rgb.length);
  made.set(rgb);
  const found = new Float32Array(COLOURS);
  for (let at = 0; at * COLOURS < made.length; at++) {
    if (alpha?.[at] !== 0) continue;
    between(level, at % width, Math.floor(at / width), found);
    for (let c = 0; c < COLOURS; c++) made[at * COLOURS + c] = Math.round(found[c] as number);
  }
  return made;
}

/** The colour at pixel (x, y) of a picture twice as large, between the four pixels next to it. */
function between({ width, height, colour }: Level, x: number, y: number, into: Float32Array): void {
  const left = Math.max(0, (x - 1) >> 1);
  const top = Math.max(0, (y - 1) >> 1);
  const right = Math.min(width - 1, (x + 1) >> 1);
  const bottom = Math.min(height - 1, (y + 1) >> 1);
  const across = x % 2 === 1 ? 0.25 : 0.75;
  const down = y % 2 === 1 ? 0.25 : 0.75;
  for (let c = 0; c < COLOURS; c++) {
    const value = (row: number, column: number) => colour[(row * width + column) * COLOURS + c] as number;
    const above = (1 - across) * value(top, left) + across * value(top, right);
    const below = (1 - across) * value(bottom, left) + across * value(bottom, right);
    into[c] = (1 - down) * above + down * below;
  }
}
