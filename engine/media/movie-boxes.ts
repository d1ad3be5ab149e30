import type { FileHandle } from "node:fs/promises";

/** A box of an MP4 or MOV file (ISO/IEC 14496-12): the bytes after its head, a view. */
export type Box = Buffer;

/** Larger headers are damaged, or left as they are. */
const longestMovie = 256 * 1024 * 1024;

/** The content of `moov`, which describes all tracks, and where it begins in the file; null where there is none. */
export async function readMovie(file: FileHandle): Promise<{ readonly movie: Box; readonly start: number } | null> {
  const head = Buffer.alloc(16);
  const { size: end } = await file.stat();
  for (let place = 0; place + 8 <= end;) {
    const { bytesRead } = await file.read(head, 0, 16, place);
    const short = head.readUInt32BE(0);
    const size = short === 1 && bytesRead === 16 ? Number(head.readBigUInt64BE(8)) : short === 0 ? end - place : short;
    if (size < 8) return null;
    if (head.toString("latin1", 4, 8) === "moov") {
      const start = place + (short === 1 ? 16 : 8);
      const length = Math.min(place + size, end) - start;
      if (length > longestMovie) return null;
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, start);
      return { movie: buffer, start };
    }
    place += size;
  }
  return null;
}

/** The boxes in a box. */
export function* boxesIn(bytes: Box): Generator<{ readonly name: string; readonly content: Box }> {
  for (let place = 0; place + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(place);
    if (size < 8) return;
    yield { name: bytes.toString("latin1", place + 4, place + 8), content: bytes.subarray(place + 8, place + size) };
    place += size;
  }
}

/** The first box at the end of a path of names; null where one is missing. */
export function boxIn(bytes: Box | null, ...path: readonly string[]): Box | null {
  let box = bytes;
  for (const wanted of path) box = (box && [...boxesIn(box)].find(({ name }) => name === wanted)?.content) ?? null;
  return box;
}

/** The first track with moving pictures. */
export function videoTrackIn(movie: Box): Box | null {
  for (const { name, content } of boxesIn(movie)) {
    if (name !== "trak") continue;
    if (boxIn(content, "mdia", "hdlr")?.toString("latin1", 8, 12) === "vide") return content;
  }
  return null;
}
