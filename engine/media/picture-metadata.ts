import type { Metadata } from "sharp";
import { exifOfTiff } from "./tiff-exif.ts";

/** What a picture's file holds besides pixels, as blocks that belong to upright pixels. */
export interface CarriedMetadata {
  /** With the six bytes "Exif\0\0" in front, as in JPEG. */
  readonly exif?: Buffer;
  readonly xmp?: Buffer;
  /** As Photoshop's block, as in JPEG. */
  readonly iptc?: Buffer;
  /** The profile that the pixels' numbers have a meaning under. */
  readonly icc?: Buffer;
  /** Pixels an inch. */
  readonly density?: number;
  /** PNG's texts. */
  readonly texts?: readonly { readonly keyword: string; readonly text: string }[];
}

/** What the metadata of a file are called for users, in the order they are told in. */
const names: Readonly<Record<keyof CarriedMetadata, string>> = {
  exif: "EXIF",
  xmp: "XMP",
  iptc: "IPTC",
  icc: "the colour profile",
  density: "the resolution (dpi)",
  texts: "text entries",
};

/**
 * What a file holds besides pixels, as sharp found it, and EXIF of TIFFs, which it does not look for; but for the profile,
 * which depends on how its colours are read.
 */
export async function carriedMetadata(path: string, metadata: Metadata): Promise<CarriedMetadata> {
  const { format, xmp, iptc, density, comments } = metadata;
  const exif = format === "tiff" ? await exifOfTiff(path) : metadata.exif;
  return {
    ...(exif && { exif: withFront(exif, "Exif\0\0") }),
    ...(xmp && { xmp }),
    ...(iptc && { iptc: asPhotoshopBlock(iptc) }),
    ...(density && { density }),
    ...(comments?.length && { texts: comments }),
  };
}

/** What many programs write where no resolution is known. */
const USUAL_DENSITY = 72;

/** Names of what was to be carried and is not in the file that was written. */
export async function missing(carried: CarriedMetadata, path: string, written: Metadata): Promise<string[]> {
  const there = { ...(await carriedMetadata(path, written)), ...(written.icc && { icc: written.icc }) };
  // EXIF has the resolution too, which is all that WebP and AVIF know of it.
  const told = there.exif !== undefined || carried.density === USUAL_DENSITY;
  return (Object.keys(names) as (keyof CarriedMetadata)[])
    .filter((key) => carried[key] !== undefined && there[key] === undefined && !(key === "density" && told))
    .map((key) => names[key]);
}

function withFront(block: Buffer, front: string): Buffer {
  const bytes = Buffer.from(front, "latin1");
  return block.subarray(0, bytes.length).equals(bytes) ? block : Buffer.concat([bytes, block]);
}

/** TIFF holds the bare records; JPEG's block has them as Photoshop's resource 0x0404. */
function asPhotoshopBlock(iptc: Buffer): Buffer {
  const front = "Photoshop 3.0\0";
  if (iptc.toString("latin1", 0, front.length) === front) return iptc;
  const head = Buffer.from(`${front}8BIM\x04\x04\0\0\0\0\0\0`, "latin1");
  head.writeUInt32BE(iptc.length, head.length - 4);
  return Buffer.concat([head, iptc, Buffer.alloc(iptc.length % 2)]);
}

/** Entries of XMP that say how the pixels lie, and what they are for upright pixels of a size. */
function pixelEntries(width: number, height: number): Readonly<Record<string, number>> {
  return {
    "tiff:Orientation": 1,
    "tiff:ImageWidth": width,
    "tiff:ImageLength": height,
    "exif:PixelXDimension": width,
    "exif:PixelYDimension": height,
  };
}

/** XMP for upright pixels of this size: entries about turn and size corrected, all else as it was. */
export function uprightXmp(xmp: Buffer, width: number, height: number): Buffer {
  let text = xmp.toString("utf8");
  for (const [name, value] of Object.entries(pixelEntries(width, height))) {
    text = text
      .replace(new RegExp(`(\\b${name}\\s*=\\s*["'])\\d+(["'])`, "g"), `$1${value}$2`)
      .replace(new RegExp(`(<${name}>\\s*)\\d+(\\s*</${name}>)`, "g"), `$1${value}$2`);
  }
  return Buffer.from(text, "utf8");
}
