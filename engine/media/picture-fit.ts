import { strict as assert } from "node:assert";
import type { Frame, Samples } from "./frame.ts";
import { samples } from "./frame.ts";
import type { FormatTraits } from "./picture-formats.ts";
import { flatten, packFrame, toDepth16, toDepth8 } from "./pixels.ts";

/** Frames as a format takes them, all alike, and what had to be changed for that. */
export interface FittedFrames {
  readonly frames: readonly Frame[];
  readonly notes: readonly string[];
}

/** Colours a GIF frame may have. */
const GIF_COLOURS = 256;

/** Brings frames to what a format can hold: size, depth, transparency. At least one frame. */
export function fitFrames(frames: readonly Frame[], format: FormatTraits): FittedFrames {
  assert(frames.length === 1 || format.pages, "several pages go into formats that hold them");
  const notes: string[] = [];
  const deep = frames.some(({ depth }) => depth === 16);
  if (deep && format.bits < 16) {
    notes.push(`${format.name} as written here has ${format.bits} bits a channel: the source's 16 were rounded.`);
  }
  const depth = deep && format.bits > 8 ? 16 : 8;
  const seeThrough = frames.some(isSeeThrough);
  if (seeThrough && !format.alpha) notes.push(`${format.name} has no transparency; it was laid on white.`);
  const alpha = format.alpha && frames.some((frame) => frame.alpha);
  const size = {
    width: Math.max(...frames.map(({ width }) => width)),
    height: Math.max(...frames.map(({ height }) => height)),
  };
  if (frames.some(({ width, height }) => width !== size.width || height !== size.height)) {
    notes.push(`The pages differ in size: smaller ones were laid on white pages of ${size.width}×${size.height}.`);
  }
  const alike = frames.map((frame) => {
    const flat = alpha ? withAlpha(frame) : flatten(frame, 1);
    return onWhite(depth === 16 ? toDepth16(flat) : toDepth8(flat), size);
  });
  if (format.name === "GIF" && alike.some(exceedsGif)) {
    notes.push("GIF holds 256 colours a frame and no half transparency: what had more was reduced.");
  }
  return { frames: alike, notes };
}

/** One channel, the mean of three that are meant to be equal, and alpha where there is any; or RGB, RGBA. */
export function packed(frame: Frame, grey: boolean): Samples {
  if (!grey) return packFrame(frame);
  const { rgb, alpha } = frame;
  const count = frame.width * frame.height;
  const channels = alpha ? 2 : 1;
  const values = samples(frame.depth, count * channels);
  for (let pixel = 0; pixel < count; pixel++) {
    values[pixel * channels] = Math.round((rgb[pixel * 3]! + rgb[pixel * 3 + 1]! + rgb[pixel * 3 + 2]!) / 3);
    if (alpha) values[pixel * 2 + 1] = alpha[pixel]!;
  }
  return values;
}

function isSeeThrough({ alpha, depth }: Frame): boolean {
  const opaque = 2 ** depth - 1;
  return alpha?.some((value) => value < opaque) ?? false;
}

function withAlpha(frame: Frame): Frame {
  if (frame.alpha) return frame;
  return { ...frame, alpha: samples(frame.depth, frame.width * frame.height).fill(2 ** frame.depth - 1) };
}

/** The frame at the upper left of a white one. */
function onWhite(frame: Frame, size: { readonly width: number; readonly height: number }): Frame {
  if (frame.width === size.width && frame.height === size.height) return frame;
  const { width, height, depth } = frame;
  const spread = (values: Samples, channels: number) => {
    const page = samples(depth, size.width * size.height * channels).fill(2 ** depth - 1);
    for (let row = 0; row < height; row++) {
      const length = width * channels;
      page.set(values.subarray(row * length, (row + 1) * length), row * size.width * channels);
    }
    return page;
  };
  return { ...frame, ...size, rgb: spread(frame.rgb, 3), ...(frame.alpha && { alpha: spread(frame.alpha, 1) }) };
}

function exceedsGif({ rgb, alpha, width, height }: Frame): boolean {
  const colours = new Set<number>();
  for (let pixel = 0; pixel < width * height; pixel++) {
    if (alpha && alpha[pixel]! > 0 && alpha[pixel]! < 255) return true;
    colours.add((rgb[pixel * 3]! << 16) | (rgb[pixel * 3 + 1]! << 8) | rgb[pixel * 3 + 2]!);
    if (colours.size > GIF_COLOURS) return true;
  }
  return false;
}
