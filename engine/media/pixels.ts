import { strict as assert } from "node:assert";
import type { Frame, Samples } from "./frame.ts";
import { samples } from "./frame.ts";

/** How pixels lie in memory: channels interleaved, rows from top to bottom. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly depth: 8 | 16;
  /** A fourth channel. */
  readonly alpha: boolean;
}

/** The largest value a sample of a depth can have. */
function peak(depth: 8 | 16): number {
  return depth === 8 ? 255 : 65535;
}

/** Packed RGB or RGBA bytes (16 bits little-endian, as all machines we run on are) as a frame's pixels. */
export function unpackFrame(bytes: Uint8Array<ArrayBuffer>, layout: Layout): Omit<Frame, "time"> {
  const { width, height, depth, alpha } = layout;
  const packed = viewSamples(bytes, depth);
  assert.equal(packed.length, width * height * (alpha ? 4 : 3), "packed pixels have the size of their layout");
  return { width, height, depth, ...pickChannels(packed, alpha ? 4 : 3) };
}

/** The frame's pixels as packed RGB, or RGBA where it has alpha. */
export function packFrame(frame: Frame): Samples {
  if (!frame.alpha) return frame.rgb;
  const count = frame.width * frame.height;
  const packed = samples(frame.depth, count * 4);
  for (let pixel = 0; pixel < count; pixel++) {
    packed[pixel * 4] = frame.rgb[pixel * 3] ?? 0;
    packed[pixel * 4 + 1] = frame.rgb[pixel * 3 + 1] ?? 0;
    packed[pixel * 4 + 2] = frame.rgb[pixel * 3 + 2] ?? 0;
    packed[pixel * 4 + 3] = frame.alpha[pixel] ?? 0;
  }
  return packed;
}

/** The same memory as samples of a depth. */
export function viewSamples(bytes: Uint8Array<ArrayBuffer>, depth: 8 | 16): Samples {
  if (depth === 8) return bytes;
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}

/** The same memory as bytes. */
export function viewBytes(values: Samples): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Some of the channels of packed pixels. */
function takeChannels(packed: Samples, channels: number, wanted: readonly number[]): Samples {
  const count = packed.length / channels;
  const depth = packed instanceof Uint8Array ? 8 : 16;
  const taken = samples(depth, count * wanted.length);
  for (const [place, channel] of wanted.entries()) {
    for (let pixel = 0; pixel < count; pixel++) {
      taken[pixel * wanted.length + place] = packed[pixel * channels + channel] ?? 0;
    }
  }
  return taken;
}

/** Colours and opacity of packed pixels: 1 channel is grey, 2 grey with alpha, 3 RGB, 4 RGBA; more are left out. */
export function pickChannels(packed: Samples, channels: number): Pick<Frame, "rgb" | "alpha"> {
  if (channels === 3) return { rgb: packed };
  const rgb = takeChannels(packed, channels, channels < 3 ? [0, 0, 0] : [0, 1, 2]);
  const opacity = channels === 1 ? null : channels === 2 ? 1 : 3;
  return opacity === null ? { rgb } : { rgb, alpha: takeChannels(packed, channels, [opacity]) };
}

/** The frame without alpha, laid on a grey of 0 (black) … 1 (white). */
export function flatten(frame: Frame, background: 0 | 1): Frame {
  const { alpha, ...opaque } = frame;
  if (!alpha) return frame;
  const top = peak(frame.depth);
  const rgb = samples(frame.depth, frame.rgb.length);
  for (let index = 0; index < rgb.length; index++) {
    const opacity = (alpha[Math.floor(index / 3)] ?? 0) / top;
    rgb[index] = Math.round((frame.rgb[index] ?? 0) * opacity + background * top * (1 - opacity));
  }
  return { ...opaque, rgb };
}

/** The frame with 8 bits a channel, rounded to the nearest. */
export function toDepth8(frame: Frame): Frame {
  if (frame.depth === 8) return frame;
  const { alpha, ...rest } = frame;
  const rgb = roundTo8(frame.rgb);
  return alpha ? { ...rest, depth: 8, rgb, alpha: roundTo8(alpha) } : { ...rest, depth: 8, rgb };
}

/** The frame with 16 bits a channel: black and white stay black and white. */
export function toDepth16(frame: Frame): Frame {
  if (frame.depth === 16) return frame;
  const spread = (values: Samples) => new Uint16Array(values).map((value) => value * 257);
  const { alpha, ...rest } = frame;
  return { ...rest, depth: 16, rgb: spread(frame.rgb), ...(alpha && { alpha: spread(alpha) }) };
}

function roundTo8(values: Samples): Uint8Array<ArrayBuffer> {
  const rounded = new Uint8Array(values.length);
  for (let index = 0; index < values.length; index++) rounded[index] = Math.round((values[index] ?? 0) / 257);
  return rounded;
}
