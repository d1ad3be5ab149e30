import { type FileHandle, open } from "node:fs/promises";

/** The filter that shows a mirrored clip upright, by what has to be done to its pixels. */
export type Mirroring = "hflip" | "vflip" | "transpose=cclock_flip" | "transpose=clock_flip";

/** Before the input: mirrored clips are turned by our own filter, others by ffmpeg. */
export function turningParameters(mirroring: Mirroring | null | undefined): string[] {
  return mirroring ? ["-noautorotate"] : [];
}

/** A track list is never as large; what is, is damaged. */
const longestList = 64 * 1024 * 1024;

/**
 * How the first video track of an MP4 or MOV file is mirrored by its display matrix (ISO/IEC 14496-12, 8.3.2); null
 * where it is not. Turns alone are left to ffmpeg, which knows them in all releases; older ones do not know mirrors.
 */
export async function readMirroring(path: string): Promise<Mirroring | null> {
  const file = await open(path, "r");
  try {
    const movie = await findMovie(file);
    const matrix = movie && matrixOf(movie);
    return matrix ? mirroringOf(matrix) : null;
  } finally {
    await file.close();
  }
}

async function findMovie(file: FileHandle): Promise<Buffer | null> {
  const { size: end } = await file.stat();
  for (let place = 0; place + 8 <= end;) {
    const { buffer: head, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, place);
    const short = head.readUInt32BE(0);
    const size = short === 1 && bytesRead === 16 ? Number(head.readBigUInt64BE(8)) : short === 0 ? end - place : short;
    if (size < 8) return null;
    if (head.toString("latin1", 4, 8) === "moov") {
      const length = Math.min(size, end - place, longestList);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, place);
      return buffer.subarray(short === 1 ? 16 : 8);
    }
    place += size;
  }
  return null;
}

/** The boxes in a box, by name. */
function* boxesIn(bytes: Buffer): Generator<{ name: string; content: Buffer }> {
  for (let place = 0; place + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(place);
    if (size < 8) return;
    yield { name: bytes.toString("latin1", place + 4, place + 8), content: bytes.subarray(place + 8, place + size) };
    place += size;
  }
}

const boxIn = (bytes: Buffer, wanted: string): Buffer | null =>
  [...boxesIn(bytes)].find(({ name }) => name === wanted)?.content ?? null;

/** The first video track's a, b, c, d: x' = a·x + c·y, y' = b·x + d·y. */
function matrixOf(movie: Buffer): readonly number[] | null {
  for (const { name, content: track } of boxesIn(movie)) {
    const media = name === "trak" ? boxIn(track, "mdia") : null;
    const handler = media && boxIn(media, "hdlr");
    if (handler?.toString("latin1", 8, 12) !== "vide") continue;
    const header = boxIn(track, "tkhd");
    // Version 1 has longer times in front.
    const start = header?.[0] === 1 ? 52 : 40;
    if (!header || header.length < start + 36) return null;
    return [0, 4, 12, 16].map((offset) => header.readInt32BE(start + offset));
  }
  return null;
}

function mirroringOf([a = 0, b = 0, c = 0, d = 0]: readonly number[]): Mirroring | null {
  const turns = a * d - b * c >= 0;
  if (turns) return null;
  if (b === 0 && c === 0) return a < 0 ? "hflip" : "vflip";
  if (a === 0 && d === 0) return b > 0 ? "transpose=cclock_flip" : "transpose=clock_flip";
  return null;
}
