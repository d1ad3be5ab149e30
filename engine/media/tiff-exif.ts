import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

/** An entry of a TIFF directory, which EXIF consists of too; values little-endian (TIFF 6.0, section 2). */
interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly bytes: Buffer;
  /** Where the value is a directory of its own. */
  readonly folder?: readonly Entry[];
}

/** Bytes a value, and of the numbers in it, by type. */
const types: Readonly<Record<number, readonly [size: number, unit: number]>> = {
  ...{ 1: [1, 1], 2: [1, 1], 3: [2, 2], 4: [4, 4], 5: [8, 4], 6: [1, 1], 7: [1, 1] },
  ...{ 8: [2, 2], 9: [4, 4], 10: [8, 4], 11: [4, 4], 12: [8, 8] },
};
const LONG = 4;

/** Directories below others: Exif, GPS, interoperability. */
const folders = [0x8769, 0x8825, 0xa005];
/**
 * What the main directory tells about a picture, not about how its file is laid out: description, maker, model, software,
 * date, artist, computer, rating, copyright, Windows' texts, Exif and GPS.
 */
const telling = [270, 271, 272, 305, 306, 315, 316, 18246, 33432, 40091, 40092, 40093, 40094, 40095, 0x8769, 0x8825];
const WIDTH = 0xa002;
const HEIGHT = 0xa003;

/** Bounds against damaged files. */
const MOST_ENTRIES = 400;
const MOST_BYTES = 4_000_000;
const DEEPEST = 3;

const FRONT = "Exif\0\0";
const HEADER = Buffer.from("II*\0\x08\0\0\0", "latin1");

type Read = (at: number, length: number) => Promise<Buffer>;

/** What a TIFF tells about its first picture, as an EXIF block; null where it tells nothing, or is a BigTIFF. */
export async function exifOfTiff(path: string): Promise<Buffer | null> {
  const file = await open(path, "r");
  try {
    const entries = await mainEntries(readFrom(file));
    return entries.length > 0 ? Buffer.concat([Buffer.from(FRONT, "latin1"), HEADER, serialise(entries, 8)]) : null;
  } finally {
    await file.close();
  }
}

/**
 * Adds an EXIF block to the first page of a TIFF as libvips writes it (little-endian), with the sizes of the pixels:
 * a new main directory at the file's end takes the place of the old one.
 */
export async function addExifToTiff(
  path: string,
  exif: Buffer,
  size: { width: number; height: number },
): Promise<void> {
  const block = exif.subarray(FRONT.length);
  const told = await mainEntries(async (at, length) => block.subarray(at, at + length));
  const file = await open(path, "r+");
  try {
    const read = readFrom(file);
    const header = await read(0, 8);
    if (told.length === 0 || header.toString("latin1", 0, 4) !== "II*\0") return;
    const start = header.readUInt32LE(4);
    const count = (await read(start, 2)).readUInt16LE(0);
    const raw = await read(start + 2, count * 12 + 4);
    const tags = new Set(told.map(({ tag }) => tag));
    // The values of the old entries stay where they are in the file.
    const kept = Array.from({ length: count }, (_, index) => raw.subarray(index * 12, index * 12 + 12));
    const { size: end } = await file.stat();
    const at = end + (end % 2);
    const next = raw.readUInt32LE(count * 12);
    const directory = serialise(
      told.map((entry) => withSize(entry, size)),
      at,
      {
        kept: kept.filter((entry) => !tags.has(entry.readUInt16LE(0))),
        next,
      },
    );
    await file.write(directory, 0, directory.length, at);
    header.writeUInt32LE(at, 4);
    await file.write(header, 0, 8, 0);
  } finally {
    await file.close();
  }
}

function readFrom(file: FileHandle): Read {
  return async (at, length) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
}

/** The telling entries of the first directory. */
async function mainEntries(read: Read): Promise<Entry[]> {
  const header = await read(0, 8);
  const order = header.toString("latin1", 0, 4);
  if (header.length < 8 || (order !== "II*\0" && order !== "MM\0*")) return [];
  const little = order.startsWith("II");
  const start = little ? header.readUInt32LE(4) : header.readUInt32BE(4);
  const entries = await readFolder({ read, little }, start, 1);
  return entries.filter(({ tag }) => telling.includes(tag));
}

interface Source {
  readonly read: Read;
  readonly little: boolean;
}

/** A directory's entries, without those that are damaged. */
async function readFolder(source: Source, at: number, level: number): Promise<Entry[]> {
  const { read, little } = source;
  const short = (bytes: Buffer, place: number) => (little ? bytes.readUInt16LE(place) : bytes.readUInt16BE(place));
  const long = (bytes: Buffer, place: number) => (little ? bytes.readUInt32LE(place) : bytes.readUInt32BE(place));
  const counted = await read(at, 2);
  if (counted.length < 2) return [];
  const table = await read(at + 2, Math.min(short(counted, 0), MOST_ENTRIES) * 12);
  const entries: Entry[] = [];
  for (let place = 0; place + 12 <= table.length; place += 12) {
    const [tag, type, count] = [short(table, place), short(table, place + 2), long(table, place + 4)];
    const [size = 0, unit = 0] = types[type] ?? [];
    const length = size * count;
    if (length === 0 || length > MOST_BYTES) continue;
    const bytes =
      length <= 4 ? table.subarray(place + 8, place + 8 + length) : await read(long(table, place + 8), length);
    if (bytes.length < length) continue;
    if (!folders.includes(tag)) entries.push({ tag, type, count, bytes: little ? bytes : swapped(bytes, unit) });
    else if (level < DEEPEST && type === LONG) {
      const folder = await readFolder(source, long(table, place + 8), level + 1);
      if (folder.length > 0) entries.push({ tag, type, count: 1, bytes: Buffer.alloc(4), folder });
    }
  }
  return entries;
}

function swapped(bytes: Buffer, unit: number): Buffer {
  const copy = Buffer.from(bytes);
  if (unit === 2) return copy.swap16();
  if (unit === 4) return copy.swap32();
  return unit === 8 ? copy.swap64() : copy;
}

/** The sizes that Exif has of the pixels, corrected. */
function withSize(entry: Entry, size: { width: number; height: number }): Entry {
  if (entry.folder) return { ...entry, folder: entry.folder.map((inner) => withSize(inner, size)) };
  if (entry.tag !== WIDTH && entry.tag !== HEIGHT) return entry;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(entry.tag === WIDTH ? size.width : size.height);
  return { ...entry, type: LONG, count: 1, bytes };
}

/** A directory as bytes that begin at `base`: its table, then the values and directories it points to. */
function serialise(
  entries: readonly Entry[],
  base: number,
  { kept = [], next = 0 }: { kept?: readonly Buffer[]; next?: number } = {},
): Buffer {
  const tableLength = 2 + (entries.length + kept.length) * 12 + 4;
  const values: Buffer[] = [];
  let at = base + tableLength;
  const place = (bytes: Buffer) => {
    const start = at;
    const even = bytes.length % 2 ? Buffer.concat([bytes, Buffer.alloc(1)]) : bytes;
    values.push(even);
    at += even.length;
    return start;
  };
  const lines = entries.map(({ tag, type, count, bytes, folder }) => {
    const line = Buffer.alloc(12);
    line.writeUInt16LE(tag, 0);
    line.writeUInt16LE(type, 2);
    line.writeUInt32LE(count, 4);
    if (folder) line.writeUInt32LE(place(serialise(folder, at)), 8);
    else if (bytes.length > 4) line.writeUInt32LE(place(bytes), 8);
    else bytes.copy(line, 8);
    return line;
  });
  const table = Buffer.alloc(2);
  table.writeUInt16LE(lines.length + kept.length, 0);
  const end = Buffer.alloc(4);
  end.writeUInt32LE(next, 0);
  const sorted = [...lines, ...kept].sort((a, b) => a.readUInt16LE(0) - b.readUInt16LE(0));
  return Buffer.concat([table, ...sorted, end, ...values]);
}
