import { open } from "node:fs/promises";
import { type SeenPart, seenPart } from "./crop.ts";

/** Track lists stand in front of the frames. */
const bytesLookedAt = 1024 * 1024;

/** Element names (RFC 9559); those with content of their own in the first group. */
const ids = {
  ...{ segment: 0x18538067, tracks: 0x1654ae6b, track: 0xae, video: 0xe0 },
  ...{ type: 0x83, width: 0xb0, height: 0xba, unit: 0x54b2, displayWidth: 0x54b0, displayHeight: 0x54ba },
  ...{ bottom: 0x54aa, top: 0x54bb, left: 0x54cc, right: 0x54dd },
} as const;

/**
 * What a Matroska or WebM file says is to be seen of its first video track (PixelCrop…); null where that is all.
 * The releases of ffmpeg up to 7 ignore it; later ones crop frames by themselves, to whole samples of chroma.
 */
export async function readPixelCrop(path: string): Promise<SeenPart | null> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytesLookedAt), 0, bytesLookedAt, 0);
    const video = firstVideo(buffer.subarray(0, bytesRead));
    return video && pictureOf(video);
  } finally {
    await file.close();
  }
}

function firstVideo(bytes: Buffer): Map<number, number> | null {
  const tracks = contentOf(contentOf(bytes, ids.segment), ids.tracks);
  for (const { id, content } of elementsIn(tracks)) {
    if (id !== ids.track || numbersIn(content).get(ids.type) !== 1) continue;
    return numbersIn(contentOf(content, ids.video));
  }
  return null;
}

function pictureOf(video: Map<number, number>): SeenPart | null {
  const value = (name: keyof typeof ids) => video.get(ids[name]) ?? 0;
  const coded = { width: value("width"), height: value("height") };
  const [left, top] = [value("left"), value("top")];
  const crop = {
    ...{ left, top, coded },
    ...{ width: coded.width - left - value("right"), height: coded.height - top - value("bottom") },
  };
  // Sizes for display are in pixels, or of other units that are seldom used, then pixels are taken as square.
  const shown = { width: value("displayWidth"), height: value("displayHeight") };
  const told = shown.width > 0 && shown.height > 0 && (value("unit") === 0 || value("unit") === 3);
  return seenPart(crop, told ? shown : null);
}

/** EBML elements (RFC 8794): name and size as numbers whose leading zeros tell their length. */
function* elementsIn(bytes: Buffer): Generator<{ id: number; content: Buffer }> {
  for (let place = 0; place < bytes.length;) {
    const idLength = lengthAt(bytes, place);
    const sizeLength = lengthAt(bytes, place + idLength);
    const start = place + idLength + sizeLength;
    if (idLength > 4 || sizeLength > 8 || start > bytes.length) return;
    const id = bytes.readUIntBE(place, idLength);
    const size = sizeAt(bytes, place + idLength, sizeLength);
    yield { id, content: bytes.subarray(start, start + size) };
    place = start + size;
  }
}

function lengthAt(bytes: Buffer, place: number): number {
  return Math.clz32(bytes[place] ?? 0) - 23;
}

/** All ones mean "to the end of what it is in". */
function sizeAt(bytes: Buffer, place: number, length: number): number {
  let value = (bytes[place] ?? 0) & (0xff >> length);
  let unknown = value === 0xff >> length;
  for (let index = 1; index < length; index++) {
    const byte = bytes[place + index] ?? 0;
    unknown &&= byte === 0xff;
    value = value * 256 + byte;
  }
  return unknown ? bytes.length : value;
}

function contentOf(bytes: Buffer, wanted: number): Buffer {
  for (const { id, content } of elementsIn(bytes)) if (id === wanted) return content;
  return Buffer.alloc(0);
}

function numbersIn(bytes: Buffer): Map<number, number> {
  const found = new Map<number, number>();
  for (const { id, content } of elementsIn(bytes)) {
    if (content.length > 0 && content.length <= 6) found.set(id, content.readUIntBE(0, content.length));
  }
  return found;
}
