import { strict as assert } from "node:assert";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Sharp } from "sharp";
import { EngineError, asEngineError } from "../errors.ts";
import type { Frame } from "./frame.ts";
import { isSrgb, parseIcc } from "./icc-profile.ts";
import { fitFrames, packed } from "./picture-fit.ts";
import { type WrittenFormat, formatTraits } from "./picture-formats.ts";
import { type CarriedMetadata, missing, uprightXmp } from "./picture-metadata.ts";
import { loadSharp, maxPicturePixels, openingOptions } from "./sharp.ts";
import { addExifToTiff } from "./tiff-exif.ts";
import { writeVipsFile } from "./vips-file.ts";

export interface PictureWriting {
  readonly format: WrittenFormat;
  /** A folder for what lies between; nothing of it stays. */
  readonly workDir: string;
  /** 0–100, lossy formats only. */
  readonly quality?: number | undefined;
  /** Write one channel instead of three (PNG, JPEG, TIFF); the frames' channels are meant to be equal. */
  readonly grey?: boolean | undefined;
  /** Animations: milliseconds a frame, and how often it plays (0 for ever). */
  readonly delays?: readonly number[] | undefined;
  readonly loop?: number | undefined;
  /** What the source's file holds besides pixels. */
  readonly carried?: CarriedMetadata | undefined;
}

/**
 * Writes a picture of one or more frames to exactly `path`, with what its source carried: turn and sizes in it are
 * corrected. What the format cannot hold is converted or dropped and said in the notes. Rejects with `not_writable`,
 * `disk_full` or `too_large`.
 */
export async function writePicture(
  path: string,
  frames: readonly Frame[],
  writing: PictureWriting,
): Promise<{ notes: string[] }> {
  const format = formatTraits[writing.format];
  const fitted = fitFrames(frames, format);
  const [first] = fitted.frames;
  assert(first, "a picture has at least one frame");
  refuseTooLarge(first, fitted.frames.length);
  const grey = writing.grey === true && format.grey;
  const carried = fittingProfile(writing.carried ?? {}, grey);
  const between = join(writing.workDir, "result.v");
  try {
    await writeVipsFile(between, {
      ...{ width: first.width, height: first.height, depth: first.depth },
      channels: ((grey ? 1 : 3) + (first.alpha ? 1 : 0)) as 1 | 2 | 3 | 4,
      pages: fitted.frames.map((frame) => packed(frame, grey)),
      ...fieldsOf(carried, first),
    });
    await encode(between, path, { writing, carried, grey, deep: first.depth === 16 });
    if (format.name === "TIFF" && carried.exif) await addExifToTiff(path, carried.exif, first);
    const { pages, lost } = await verify(path, first, writing.carried ?? {});
    const count = fitted.frames.length;
    const joined =
      pages < count
        ? [`Of ${count} moments ${pages} are written: equal neighbours were joined, their times added.`]
        : [];
    const dropped = lost.length
      ? [`${format.name} as written here does not hold ${lost.join(", ")} of the source.`]
      : [];
    const unused = writing.quality !== undefined && !format.lossy ? [`quality has no meaning for ${format.name}.`] : [];
    const cut = writing.delays?.some((delay) => delay > LONGEST_DELAY)
      ? [`Moments that last longer are shown for ${LONGEST_DELAY / 1000} s, the longest that can be written.`]
      : [];
    return { notes: [...fitted.notes, ...joined, ...cut, ...dropped, ...unused] };
  } catch (error) {
    throw writingError(path, error);
  } finally {
    await rm(between, { force: true });
  }
}

/** A grey picture takes no profile of RGB, nor the other way round. */
function fittingProfile(carried: CarriedMetadata, grey: boolean): CarriedMetadata {
  const { icc, ...rest } = carried;
  return icc && parseIcc(icc)?.space === (grey ? "GRAY" : "RGB") ? carried : rest;
}

/** The metadata under libvips' names; it corrects turn, sizes and resolution in EXIF when it writes. */
function fieldsOf({ exif, xmp, iptc, icc, texts = [] }: CarriedMetadata, { width, height }: Frame) {
  return {
    blobs: {
      ...(exif && { "exif-data": exif }),
      ...(xmp && { "xmp-data": uprightXmp(xmp, width, height) }),
      ...(iptc && { "iptc-data": iptc }),
      ...(icc && { "icc-profile-data": icc }),
    },
    numbers: { orientation: 1 },
    texts: Object.fromEntries(texts.map(({ keyword, text }, index) => [`png-comment-${index}-${keyword}`, text])),
  };
}

interface Encoding {
  readonly writing: PictureWriting;
  readonly carried: CarriedMetadata;
  readonly grey: boolean;
  readonly deep: boolean;
}

async function encode(from: string, path: string, { writing, carried, grey, deep }: Encoding): Promise<void> {
  const sharp = await loadSharp();
  const space = grey ? (deep ? "grey16" : "b-w") : deep ? "rgb16" : "srgb";
  const opened = sharp(from, { limitInputPixels: false, ignoreIcc: true }).toColourspace(space);
  const { density } = carried;
  // Asked to keep what is not there, libvips makes an EXIF block of its own.
  const keeping = Object.keys(carried).length > 0 ? opened.keepMetadata() : opened;
  await inFormat(density ? keeping.withDensity(density) : keeping, writing, deep).toFile(path);
}

/** Side in pixels that a written picture is decoded to: all of it is read, and nothing of it is kept. */
const GLANCE = 16;

/** Makes sure that the file has its size and all of it decodes; answers its pages, and what it should hold and does not. */
async function verify(
  path: string,
  { width, height }: Frame,
  carried: CarriedMetadata,
): Promise<{ pages: number; lost: string[] }> {
  const sharp = await loadSharp();
  const written = await sharp(path, { limitInputPixels: false }).metadata();
  assert.deepEqual([written.width, written.height], [width, height], "the written picture has its size");
  const whole = { ...openingOptions, limitInputPixels: false, pages: -1, sequentialRead: true };
  await sharp(path, whole).resize(GLANCE, GLANCE, { fit: "fill" }).raw().toBuffer();
  const { icc, ...rest } = carried;
  const profile = icc && parseIcc(icc);
  // Without a tag a picture is taken for sRGB.
  const lost = await missing(profile && isSrgb(profile) ? rest : carried, path, written);
  return { pages: written.pages ?? 1, lost };
}

/** Milliseconds a frame of an animation at most, for sharp. */
const LONGEST_DELAY = 65_535;

/** Quality where the caller has no wish: little is lost and files stay small. */
const usualQuality = { jpeg: 95, webp: 92, avif: 80 } as const;

function inFormat(picture: Sharp, writing: PictureWriting, deep: boolean): Sharp {
  const { quality, delays, loop } = writing;
  const delay = delays?.map((wanted) => Math.min(wanted, LONGEST_DELAY));
  const timing = { ...(delay && { delay }), ...(loop !== undefined && { loop }) };
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
