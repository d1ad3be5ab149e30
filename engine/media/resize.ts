import { type Frame, type Samples, withPixels } from "./frame.ts";
import { loadSharp } from "./sharp.ts";

/**
 * The frame at exactly this size: Lanczos (3 lobes) where it becomes smaller, bicubic where larger (what libvips does
 * for that kernel). Depth, alpha and time are kept; the same frame where the size is right already.
 */
export async function resizeFrame(frame: Frame, width: number, height: number): Promise<Frame> {
  if (frame.width === width && frame.height === height) return frame;
  // Alpha goes by itself: together they would be multiplied, which loses the colours under full transparency.
  const rgb = await resizeSamples(frame, frame.rgb, 3, { width, height });
  const { depth } = frame;
  if (!frame.alpha) return withPixels(frame, { width, height, depth, rgb });
  const alpha = await resizeSamples(frame, frame.alpha, 1, { width, height });
  return withPixels(frame, { width, height, depth, rgb, alpha });
}

async function resizeSamples(
  frame: Frame,
  values: Samples,
  channels: 1 | 3,
  target: { width: number; height: number },
): Promise<Samples> {
  const sharp = await loadSharp();
  const raw = { width: frame.width, height: frame.height, channels };
  // Whole numbers of 16 bits are weighted with 12 bits only, so they go as fractions.
  const input = values instanceof Uint16Array ? Float32Array.from(values) : values;
  // The colour space is named because sharp would otherwise go through 8 bits, or make one channel three.
  const spaces = { 1: { 8: "b-w", 16: "grey16" }, 3: { 8: "srgb", 16: "rgb16" } } as const;
  const data = await sharp(input, { raw, limitInputPixels: false })
    .resize(target.width, target.height, { fit: "fill", kernel: "lanczos3" })
    .toColourspace(spaces[channels][frame.depth])
    .raw({ depth: frame.depth === 8 ? "uchar" : "float" })
    .toBuffer();
  if (frame.depth === 8) return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return Uint16Array.from(new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4), toSample);
}

/** Lanczos overshoots at edges: rounded and held within the range. */
function toSample(value: number): number {
  return Math.min(65535, Math.max(0, Math.round(value)));
}
