import type { Sharp } from "sharp";
import { EngineError, asEngineError } from "../errors.ts";
import type { Frame, Samples } from "./frame.ts";
import { flatten, packFrame, toDepth8, viewSamples } from "./pixels.ts";
import { loadSharp, maxPicturePixels } from "./sharp.ts";

export const writtenFormats = ["png", "jpg", "jpeg", "webp", "avif", "tif", "tiff", "gif"] as const;
export type WrittenFormat = (typeof writtenFormats)[number];

export interface PictureWriting {
  readonly format: WrittenFormat;
  /** 0–100, lossy formats only. */
  readonly quality?: number | undefined;
  /** Write one channel instead of three (PNG, JPEG, TIFF); the frames' channels are meant to be equal. */
  readonly grey?: boolean | undefined;
  /** Animations: milliseconds a frame, and how often it plays (0 for ever). */
  readonly delays?: readonly number[] | undefined;
  readonly loop?: number | undefined;
}

interface FormatTraits {
  readonly name: string;
  readonly depth16: boolean;
  readonly alpha: boolean;
  readonly pages: boolean;
  readonly grey: boolean;
}

const png = { name: "PNG", depth16: true, alpha: true, pages: false, grey: true };
const jpeg = { name: "JPEG", depth16: false, alpha: false, pages: false, grey: true };
const tiff = { name: "TIFF", depth16: true, alpha: true, pages: true, grey: true };
const traits: Readonly<Record<WrittenFormat, FormatTraits>> = {
  png,
  jpg: jpeg,
  jpeg,
  webp: { name: "WebP", depth16: false, alpha: true, pages: true, grey: false },
  avif: { name: "AVIF", depth16: true, alpha: true, pages: false, grey: false },
  tif: tiff,
  tiff,
  gif: { name: "GIF", depth16: false, alpha: true, pages: true, grey: false },
};

/**
 * Writes a picture of one or more frames of one size to exactly `path`. What the format cannot hold is converted and
 * said in the notes. Rejects with `not_writable`, `disk_full` or `too_large`.
 */
export async function writePicture(
  path: string,
  frames: readonly Frame[],
  writing: PictureWriting,
): Promise<{ notes: string[] }> {
  const format = traits[writing.format];
  const notes = notesOn(frames, format);
  const fitting = fit(frames, format);
  const first = fitting[0];
  if (!first) throw new EngineError("internal", { what: "A picture without any frame was to be written." });
  refuseTooLarge(first, fitting.length);
  const sharp = await loadSharp();
  const grey = writing.grey === true && format.grey;
  const channels = ((grey ? 1 : 3) + (first.alpha ? 1 : 0)) as 1 | 2 | 3 | 4;
  const raw = {
    width: first.width,
    height: first.height * fitting.length,
    channels,
    ...(fitting.length > 1 && { pageHeight: first.height }),
  };
  const deep = first.depth === 16;
  const space = grey ? (deep ? "grey16" : "b-w") : deep ? "rgb16" : "srgb";
  const opened = sharp(stack(fitting, grey), { raw, limitInputPixels: false }).toColourspace(space);
  try {
    await encoded(opened, writing, deep).toFile(path);
  } catch (error) {
    throw writingError(path, error);
  }
  return { notes };
}

function notesOn(frames: readonly Frame[], format: FormatTraits): string[] {
  const [first] = frames;
  const notes: string[] = [];
  if (frames.length > 1 && !format.pages) {
    notes.push(`The source has ${frames.length} frames or pages; ${format.name} as written here holds the first.`);
  }
  if (first?.depth === 16 && !format.depth16) notes.push(`${format.name} has 8 bits a channel; the source had more.`);
  if (first?.alpha && !format.alpha) notes.push(`${format.name} has no transparency; it was laid on white.`);
  return notes;
}

function fit(frames: readonly Frame[], format: FormatTraits): Frame[] {
  const some = format.pages ? frames : frames.slice(0, 1);
  const flat = some.map((frame) => (format.alpha ? frame : flatten(frame, 1)));
  return flat.map((frame) => (format.depth16 ? frame : toDepth8(frame)));
}

/** The frames' packed pixels one under the other. */
function stack(frames: readonly Frame[], grey: boolean): Samples {
  const parts = frames.map((frame) => (grey ? packGrey(frame) : packFrame(frame)));
  const [first] = parts;
  if (parts.length === 1 && first) return first;
  const depth = frames[0]?.depth ?? 8;
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = viewSamples(new Uint8Array((total * depth) / 8), depth);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** One channel, the mean of three that are meant to be equal, and alpha where there is any. */
function packGrey(frame: Frame): Samples {
  const count = frame.width * frame.height;
  const channels = frame.alpha ? 2 : 1;
  const packed = viewSamples(new Uint8Array((count * channels * frame.depth) / 8), frame.depth);
  for (let pixel = 0; pixel < count; pixel++) {
    const sum = [0, 1, 2].reduce((so, channel) => so + (frame.rgb[pixel * 3 + channel] ?? 0), 0);
    packed[pixel * channels] = Math.round(sum / 3);
    if (frame.alpha) packed[pixel * channels + 1] = frame.alpha[pixel] ?? 0;
  }
  return packed;
}

/** Quality where the caller has no wish: little is lost and files stay small. */
const usualQuality = { jpeg: 95, webp: 92, avif: 80 } as const;

function encoded(picture: Sharp, writing: PictureWriting, deep: boolean): Sharp {
  const { quality, delays, loop } = writing;
  const timing = { ...(delays && { delay: [...delays] }), ...(loop !== undefined && { loop }) };
  const atLeast1 = (usual: number) => Math.max(1, quality ?? usual);
  switch (writing.format) {
    case "png":
      return picture.png();
    case "jpg":
    case "jpeg":
      return picture.jpeg({ quality: atLeast1(usualQuality.jpeg), chromaSubsampling: "4:4:4" });
    case "webp":
      return picture.webp({ quality: atLeast1(usualQuality.webp), ...timing });
    case "avif":
      return picture.avif({
        quality: atLeast1(usualQuality.avif),
        chromaSubsampling: "4:4:4",
        bitdepth: deep ? 12 : 8,
      });
    case "tif":
    case "tiff":
      return picture.tiff({ compression: "deflate" });
    case "gif":
      return picture.gif({ ...timing });
  }
}

function refuseTooLarge(first: Frame, pages: number): void {
  const pixels = first.width * first.height * pages;
  if (pixels <= maxPicturePixels) return;
  throw new EngineError("too_large", {
    what: `The result would have ${Math.round(pixels / 1e6)} megapixels.`,
    why: `A picture may have ${Math.floor(maxPicturePixels / 1e6)}.`,
    todo: "Choose a smaller resolution.",
    facts: { pixels, maxPicturePixels },
  });
}

function writingError(path: string, error: unknown): EngineError {
  const text = error instanceof Error ? error.message : String(error);
  const facts = { path };
  if (/no space left|quota exceeded/i.test(text)) {
    return new EngineError("disk_full", {
      what: `The disk is full: ${path} could not be written.`,
      todo: "Free some space, then retry the task.",
      facts,
      cause: error,
    });
  }
  if (/unable to open|permission|read-only|no such file/i.test(text)) {
    return new EngineError("not_writable", {
      what: `${path} could not be written (${text.split("\n")[0]}).`,
      todo: "Check that the folder is there and writable, or choose another.",
      facts,
      cause: error,
    });
  }
  return asEngineError(error);
}
