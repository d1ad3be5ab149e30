import { open } from "node:fs/promises";
import { type Box, boxIn, readMovie, videoTrackIn } from "./movie-boxes.ts";

/**
 * Makes an MP4 or MOV hold its picture to the end. Muxers of 2018 take a track to be as long as its decoding times
 * last, and players leave out what is shown later: the last frames, where they come after a gap. `span` is the time
 * from the first frame to the last and `rest` how long that is shown, in seconds. Files that hold it stay untouched.
 */
export async function holdWholePicture(path: string, span: number, rest: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const found = await readMovie(file);
    if (!found || !lengthened(found.movie, span + rest)) return;
    await file.write(found.movie, 0, found.movie.length, found.start);
  } finally {
    await file.close();
  }
}

/** Changes the lengths in `moov` where the picture's track ends too early; whether it did. */
function lengthened(movie: Box, seconds: number): boolean {
  const track = videoTrackIn(movie);
  const [movieHead, head, list] = [boxIn(movie, "mvhd"), boxIn(track, "tkhd"), boxIn(track, "edts", "elst")];
  const media = boxIn(track, "mdia", "mdhd");
  if (!movieHead || !head || !list || !media) return false;
  const wanted = Math.round(seconds * timescale(movieHead));
  const edit = lastEdit(list);
  if (!edit || edit.length() >= wanted) return false;
  edit.setLength(wanted);
  const shown = edit.before + wanted;
  raise(durationField(head, 20, 28), shown);
  raise(durationField(movieHead, 16, 24), shown);
  raise(durationField(media, 16, 24), edit.mediaStart + Math.ceil(seconds * timescale(media)));
  return true;
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
