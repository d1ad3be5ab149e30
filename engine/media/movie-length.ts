import { type FileHandle, open } from "node:fs/promises";

/** A box of an ISO file: the bytes after its head, a view. */
type Box = Buffer;

/** Movie headers larger than this are left as they are. */
const maxHeader = 256 * 1024 * 1024;

/**
 * Makes an MP4 or MOV hold its picture to the end. Muxers of 2018 take a track to be as long as its decoding times
 * last, and players leave out what is shown later: the last frames, where they come after a gap. `span` is the time
 * from the first frame to the last and `rest` how long that is shown, in seconds. Files that hold it stay untouched.
 */
export async function holdWholePicture(path: string, span: number, rest: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const place = await findHeader(file);
    if (!place) return;
    const header = Buffer.alloc(place.size);
    await file.read(header, 0, place.size, place.start);
    if (lengthened(header, span, rest)) await file.write(header, 0, place.size, place.start);
  } finally {
    await file.close();
  }
}

/** Where the content of `moov` lies in the file. */
async function findHeader(file: FileHandle): Promise<{ start: number; size: number } | null> {
  const head = Buffer.alloc(16);
  const { size: end } = await file.stat();
  for (let start = 0; start + 8 <= end;) {
    await file.read(head, 0, 16, start);
    const short = head.readUInt32BE(0);
    const size = short === 1 ? Number(head.readBigUInt64BE(8)) : short || end - start;
    const found = head.toString("latin1", 4, 8) === "moov" && short > 8 && size <= maxHeader;
    if (found) return { start: start + 8, size: size - 8 };
    if (size < 8) return null;
    start += size;
  }
  return null;
}

/** Changes the lengths in `moov` where the picture's track, the first one, ends too early; whether it did. */
function lengthened(moov: Box, span: number, rest: number): boolean {
  const movie = child(moov, "mvhd");
  const track = child(moov, "trak");
  const [head, list] = [child(track, "tkhd"), child(child(track, "edts"), "elst")];
  const media = child(child(track, "mdia"), "mdhd");
  if (!movie || !head || !list || !media) return false;
  const movieTicks = timescale(movie);
  const edit = lastEdit(list);
  if (!edit || edit.length() > span * movieTicks) return false;
  edit.setLength(Math.ceil((span + rest) * movieTicks));
  const shown = edit.before + edit.length();
  raise(durationField(head, 20, 28), shown);
  raise(durationField(movie, 16, 24), shown);
  raise(durationField(media, 16, 24), edit.mediaStart + Math.ceil((span + rest) * timescale(media)));
  return true;
}

/** The first box of a name in another one's content. */
function child(parent: Box | null, name: string): Box | null {
  for (let start = 0; parent && start + 8 <= parent.length;) {
    const size = parent.readUInt32BE(start);
    if (size < 8) return null;
    if (parent.toString("latin1", start + 4, start + 8) === name) return parent.subarray(start + 8, start + size);
    start += size;
  }
  return null;
}

/** A number of 32 or 64 bits, as the box's version has it. */
interface Field {
  readonly get: () => number;
  readonly set: (value: number) => void;
}

function field(box: Box, at: number, isLong: boolean): Field {
  return {
    get: () => (isLong ? Number(box.readBigUInt64BE(at)) : box.readUInt32BE(at)),
    set: (value) => void (isLong ? box.writeBigUInt64BE(BigInt(value), at) : box.writeUInt32BE(value, at)),
  };
}

const isLong = (box: Box) => box[0] === 1;
const durationField = (box: Box, short: number, long: number) => field(box, isLong(box) ? long : short, isLong(box));
const timescale = (box: Box) => box.readUInt32BE(isLong(box) ? 20 : 12);

function raise({ get, set }: Field, value: number): void {
  if (get() < value) set(value);
}

interface Edit {
  readonly length: () => number;
  readonly setLength: (value: number) => void;
  /** Length of the edits before it, in ticks of the movie. */
  readonly before: number;
  /** Where it begins, in ticks of the track. */
  readonly mediaStart: number;
}

/** The last entry of an edit list: the one that shows the track, after a wait if there is one. */
function lastEdit(list: Box): Edit | null {
  const count = list.readUInt32BE(4);
  const size = isLong(list) ? 20 : 12;
  if (count === 0 || list.length < 8 + count * size) return null;
  const lengths = Array.from({ length: count }, (_, index) => field(list, 8 + index * size, isLong(list)));
  const last = lengths.at(-1) as Field;
  const before = lengths.slice(0, -1).reduce((sum, each) => sum + each.get(), 0);
  const mediaStart = field(list, 8 + (count - 1) * size + (isLong(list) ? 8 : 4), isLong(list)).get();
  return { length: last.get, setLength: last.set, before, mediaStart };
}
