import type { Metadata } from "sharp";
import { EngineError } from "../errors.ts";
import type { Frame } from "./frame.ts";
import type { PictureInfo } from "./media-info.ts";
import { type ColourReading, colourReading } from "./picture-colour.ts";
import { type CarriedMetadata, carriedMetadata } from "./picture-metadata.ts";
import { pickChannels, viewSamples } from "./pixels.ts";
import { loadSharp, openingOptions, pictureInput } from "./sharp.ts";

export interface Picture {
  /** One frame, or each page or moment of the file, all with time 0. */
  readonly frames: readonly Frame[];
  readonly info: PictureInfo;
  /** To be written with the result. */
  readonly carried: CarriedMetadata;
  /** What was converted or left out in reading, finished sentences. */
  readonly notes: readonly string[];
}

/** Part of a file: one page, or all moments of an animation, which build on each other and come as one tall picture. */
interface Part {
  readonly page?: number;
  readonly animated?: boolean;
}

/**
 * Reads a picture that was probed: upright, in sRGB unless it is grey (profiles and CMYK converted), 16 bits exact, alpha
 * apart; with what else the file holds. Pages may differ in size, depth and alpha. Rejects with `unreadable_media`.
 */
export async function readPicture(path: string, info: PictureInfo): Promise<Picture> {
  try {
    const input = await pictureInput(path);
    const read = [];
    for (const part of partsOf(info)) read.push(await readPart(input, part, part.animated ? info.pages : 1));
    const [first] = read as [PartRead];
    const { icc } = first.colour;
    return {
      frames: read.flatMap(({ frames }) => frames),
      info,
      carried: { ...(await carriedMetadata(path, first.metadata)), ...(icc && { icc }) },
      notes: [...new Set(read.flatMap(({ colour, metadata }) => [...colour.notes, ...droppedNotes(metadata)]))],
    };
  } catch (error) {
    throw new EngineError("unreadable_media", {
      what: `${path} could not be read to its end.`,
      why: `It is cut off or damaged, or was changed since it was submitted (${String(error).split("\n")[0]}).`,
      todo: "Copy or save it again, then submit it anew.",
      facts: { path },
      cause: error,
    });
  }
}

function partsOf({ pages, stacked }: PictureInfo): Part[] {
  if (pages === 1) return [{}];
  return stacked ? [{ animated: true }] : Array.from({ length: pages }, (_, page) => ({ page }));
}

function droppedNotes({ gainMap, tifftagPhotoshop, format, pages = 1 }: Metadata): string[] {
  return [
    ...(gainMap ? ["The source's HDR gain map was dropped: the result is its ordinary picture."] : []),
    ...(tifftagPhotoshop ? ["Photoshop's own data in the source were dropped."] : []),
    ...(format === "heif" && pages > 1 ? [`The file holds ${pages} pictures; its main one was enlarged.`] : []),
  ];
}

interface PartRead {
  readonly frames: readonly Frame[];
  readonly metadata: Metadata;
  readonly colour: ColourReading;
}

async function readPart(input: string | Buffer, part: Part, pages: number): Promise<PartRead> {
  const sharp = await loadSharp();
  const metadata = await sharp(input, { ...openingOptions, ...part }).metadata();
  const colour = await colourReading(metadata);
  const depth = metadata.depth === "uchar" ? 8 : 16;
  const opened = sharp(input, { ...openingOptions, ...part, ignoreIcc: colour.asStored });
  const upright = part.animated ? opened : opened.autoOrient();
  // 16 bits under a profile are converted to Display P3, where nobody asks for sRGB as well.
  const coloured = depth === 16 && !colour.asStored && colour.icc ? upright.withIccProfile("srgb") : upright;
  // Without both, 16 bits come as 8-bit values in 16-bit cells.
  const wanted = depth === 16 ? coloured.toColourspace("rgb16").raw({ depth: "ushort" }) : coloured.raw();
  const { data, info: got } = await wanted.toBuffer({ resolveWithObject: true });
  const values = viewSamples(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength), depth);
  const height = got.height / pages;
  const length = got.width * height * got.channels;
  const frames = Array.from({ length: pages }, (_, page): Frame => {
    const packed = pages === 1 ? values : values.slice(page * length, (page + 1) * length);
    return { width: got.width, height, depth, ...pickChannels(packed, got.channels), time: 0n };
  });
  return { frames, metadata, colour };
}
