import { open } from "node:fs/promises";
import { type Crop, type SeenPart, type Size, seenPart } from "./crop.ts";
import { type Box, boxIn, boxesIn, readMovie, videoTrackIn } from "./movie-boxes.ts";

/** The filter that shows a mirrored clip upright, by what has to be done to its pixels. */
export type Mirroring = "hflip" | "vflip" | "transpose=cclock_flip" | "transpose=clock_flip";

/** What an MP4 or MOV file says of how its first video track is to be shown, where ffmpeg does not do it itself. */
export interface MoviePicture {
  /** Null where it is not mirrored: turns alone are left to ffmpeg, which knows them in all releases. */
  readonly mirroring: Mirroring | null;
  /** In upright pixels; null where all is to be seen. */
  readonly seen: SeenPart | null;
}

/** Before the input: mirrored clips are turned by our own filter, others by ffmpeg. */
export function turningParameters(mirroring: Mirroring | null | undefined): string[] {
  return mirroring ? ["-noautorotate"] : [];
}

/**
 * Reads the display matrix (ISO/IEC 14496-12, 8.3.2) and the clean aperture (12.1.4). Older releases of ffmpeg know
 * neither mirrors nor apertures; new ones crop by themselves, to whole samples of chroma.
 */
export async function readMoviePicture(path: string): Promise<MoviePicture | null> {
  const file = await open(path, "r");
  try {
    const found = await readMovie(file);
    const track = found && videoTrackIn(found.movie);
    const header = boxIn(track, "tkhd");
    const matrix = header && matrixOf(header);
    if (!track || !matrix) return null;
    return { mirroring: mirroringOf(matrix), seen: seenOf(track, matrix) };
  } finally {
    await file.close();
  }
}

/** x' = a·x + c·y, y' = b·x + d·y, and the size the track is shown in before that. */
interface Matrix {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly shown: Size;
}

function matrixOf(header: Box): Matrix | null {
  // Version 1 has longer times in front.
  const start = header[0] === 1 ? 52 : 40;
  if (header.length < start + 44) return null;
  const [a, b, c, d] = [0, 4, 12, 16].map((offset) => header.readInt32BE(start + offset) / 65_536);
  const [width, height] = [36, 40].map((offset) => header.readUInt32BE(start + offset) / 65_536);
  return { a, b, c, d, shown: { width, height } } as Matrix;
}

function mirroringOf({ a, b, c, d }: Matrix): Mirroring | null {
  const turns = a * d - b * c >= 0;
  if (turns) return null;
  if (b === 0 && c === 0) return a < 0 ? "hflip" : "vflip";
  if (a === 0 && d === 0) return b > 0 ? "transpose=cclock_flip" : "transpose=clock_flip";
  return null;
}

/** Where the fields of a video sample entry end and its boxes begin. */
const entryFields = 78;

function seenOf(track: Box, matrix: Matrix): SeenPart | null {
  const descriptions = boxIn(track, "mdia", "minf", "stbl", "stsd");
  const [entry] = descriptions ? [...boxesIn(descriptions.subarray(8))] : [];
  if (!entry || entry.content.length < entryFields) return null;
  const coded = { width: entry.content.readUInt16BE(24), height: entry.content.readUInt16BE(26) };
  const boxes = entry.content.subarray(entryFields);
  const aperture = boxIn(boxes, "clap");
  const crop = aperture && cropOf(aperture, coded);
  if (!crop) return null;
  const shown = shownSize(crop, boxIn(boxes, "pasp"), matrix.shown);
  const upright = turned(crop, matrix);
  const aside = matrix.a === 0;
  return upright && seenPart(upright, shown && aside ? { width: shown.height, height: shown.width } : shown);
}

/** Width and height, then how far the middle lies from that of the frame: fractions of two numbers each. */
function cropOf(aperture: Box, coded: Size): Crop | null {
  if (aperture.length < 32) return null;
  const fraction = (at: number) => aperture.readInt32BE(at) / aperture.readInt32BE(at + 4);
  const [width, height] = [Math.round(fraction(0)), Math.round(fraction(8))];
  const left = Math.round((coded.width - width) / 2 + fraction(16));
  const top = Math.round((coded.height - height) / 2 + fraction(24));
  return [left, top, width, height].every(Number.isFinite) ? { left, top, width, height, coded } : null;
}

/** The shape of pixels says it exactly; else the track's size does, unless that is of what is not to be seen, too. */
function shownSize({ width, height, coded }: Crop, pixels: Box | null, track: Size): Size | null {
  if (pixels && pixels.length >= 8) {
    return { width: width * pixels.readUInt32BE(0), height: height * pixels.readUInt32BE(4) };
  }
  const isWhole = track.width === coded.width && track.height === coded.height;
  const isWholeNumber = Number.isInteger(track.width) && Number.isInteger(track.height);
  return isWhole || !isWholeNumber || track.width < 1 || track.height < 1 ? null : track;
}

/** A crop of frames that are turned and mirrored by quarters; null for other angles. */
function turned(crop: Crop, { a, b, c, d }: Matrix): Crop | null {
  const { left, top, width, height, coded } = crop;
  const right = coded.width - left - width;
  const bottom = coded.height - top - height;
  if (b === 0 && c === 0) return { ...crop, left: a < 0 ? right : left, top: d < 0 ? bottom : top };
  if (a !== 0 || d !== 0) return null;
  return {
    ...{ left: c < 0 ? bottom : top, top: b < 0 ? right : left, width: height, height: width },
    coded: { width: coded.height, height: coded.width },
  };
}
