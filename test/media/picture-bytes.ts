import { crc32, deflateSync } from "node:zlib";

/** Size of a made picture. */
export const SIZE = { width: 6, height: 4 } as const;
const PIXELS = SIZE.width * SIZE.height;
const DEEP = 65536;

/** Values of packed pixels, each unlike its neighbours. */
export function values(channels: number, depth: 8 | 16 = 8, seed = 0): Uint8Array | Uint16Array {
  const list = Array.from({ length: PIXELS * channels }, (_, index) => (index * 9973 + seed * 7001 + 3) % DEEP);
  return depth === 16 ? Uint16Array.from(list) : Uint8Array.from(list, (value) => value >> 8);
}

/** Values that lossy formats keep nearly. */
export function softValues(channels: number): Uint8Array {
  return Uint8Array.from({ length: PIXELS * channels }, (_, index) => 60 + Math.floor(index / channels) * 5);
}

export const xmpText = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 tiff:Orientation="6" tiff:Make="Cam"><exif:PixelXDimension>6</exif:PixelXDimension></rdf:Description></rdf:RDF></x:xmpmeta>`;

/** A PNG of chunks: what sharp does not write. */
export function png(
  depth: number,
  type: number,
  chunks: readonly (readonly [string, Uint8Array])[],
  rows: Uint8Array,
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE.width, 0);
  header.writeUInt32BE(SIZE.height, 4);
  header.set([depth, type], 8);
  const all = [["IHDR", header], ...chunks, ["IDAT", deflateSync(rows)], ["IEND", Buffer.alloc(0)]] as const;
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...all.map(([name, data]) => chunk(name, data))]);
}

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Rows of bytes with PNG's filter byte in front of each. */
export function rows(width: number, at: (x: number, y: number) => number): Uint8Array {
  const row = (y: number) => [0, ...Array.from({ length: width }, (_, x) => at(x, y))];
  return Uint8Array.from(Array.from({ length: SIZE.height }, (_, y) => row(y)).flat());
}

/** A grey profile of gamma 2.2 with nothing but what ICC.1 demands. */
export function greyProfile(): Buffer {
  const text = (type: string, body: Buffer) => Buffer.concat([Buffer.from(`${type}\0\0\0\0`, "latin1"), body]);
  const name = Buffer.from("Grey 2.2\0", "latin1");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  const blocks: [string, Buffer][] = [
    ["desc", text("desc", Buffer.concat([length, name, Buffer.alloc(79)]))],
    ["cprt", text("text", Buffer.from("none\0", "latin1"))],
    ["wtpt", text("XYZ ", Buffer.from("0000f6d6000100000000d32d", "hex"))],
    ["kTRC", text("curv", Buffer.from("000000010233", "hex"))],
  ];
  const table = Buffer.alloc(4 + blocks.length * 12);
  table.writeUInt32BE(blocks.length);
  const padded = blocks.map(([, data]) => Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]));
  let at = 128 + table.length;
  blocks.forEach(([tag, data], index) => {
    table.write(tag, 4 + index * 12, "latin1");
    table.writeUInt32BE(at, 8 + index * 12);
    table.writeUInt32BE(data.length, 12 + index * 12);
    at += padded[index]!.length;
  });
  const header = Buffer.alloc(128);
  header.writeUInt32BE(at, 0);
  header.writeUInt32BE(0x02400000, 8);
  header.write("mntrGRAYXYZ ", 12, "latin1");
  header.write("acsp", 36, "latin1");
  header.set(Buffer.from("0000f6d6000100000000d32d", "hex"), 68);
  return Buffer.concat([header, table, ...padded]);
}

/** A GIF of frames of one colour each (1 white, 2 red) and their hundredths of a second, also where nothing changes. */
export function plainGif(frames: readonly (readonly [colour: number, time: number])[]): Buffer {
  const { width, height } = SIZE;
  const palette = [0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0];
  const pictures = frames.map(([colour, time]) => {
    // Codes of 3 bits; clearing the table (4) before each pixel keeps them so; 5 ends.
    const codes = [...Array.from({ length: PIXELS }, () => [4, colour]).flat(), 5];
    const bits = codes.map((code) => [code & 1, (code >> 1) & 1, code >> 2]).flat();
    const bytes = Array.from({ length: Math.ceil(bits.length / 8) }, (_, index) =>
      bits.slice(index * 8, index * 8 + 8).reduce((byte, bit, place) => byte | (bit << place), 0),
    );
    const control = [0x21, 0xf9, 4, 4, time, 0, 0, 0];
    return [...control, 0x2c, 0, 0, 0, 0, width, 0, height, 0, 0, 2, bytes.length, ...bytes, 0];
  });
  const screen = [width, 0, height, 0, 0x91, 0, 0, ...palette];
  return Buffer.concat([Buffer.from("GIF89a"), Uint8Array.from([...screen, ...pictures.flat(), 0x3b])]);
}

/** A scan as big-endian programs write it: grey, turned, described in the main directory and an Exif one. */
export function bigEndianTiff(): Buffer {
  const pixels = Uint8Array.from(values(1));
  const [PIXELS_AT, EXIF_AT, RATIO_AT, XMP_AT] = [8, 40, 80, 100];
  const xmp = Buffer.from(xmpText);
  const directory = (entries: readonly (readonly [tag: number, type: number, count: number, value: number])[]) => {
    const bytes = Buffer.alloc(2 + entries.length * 12 + 4);
    bytes.writeUInt16BE(entries.length);
    entries.forEach(([tag, type, count, value], index) => {
      const at = 2 + index * 12;
      bytes.writeUInt16BE(tag, at);
      bytes.writeUInt16BE(type, at + 2);
      bytes.writeUInt32BE(count, at + 4);
      if (type === 3) bytes.writeUInt16BE(value, at + 8);
      else bytes.writeUInt32BE(value, at + 8);
    });
    return bytes;
  };
  const mainAt = XMP_AT + xmp.length + (xmp.length % 2);
  const text = (word: string) => Buffer.from(word.padEnd(4, "\0"), "latin1").readUInt32BE(0);
  const main = directory([
    ...[[256, 4, 1, SIZE.width] as const, [257, 4, 1, SIZE.height] as const, [258, 3, 1, 8] as const],
    ...[[259, 3, 1, 1] as const, [262, 3, 1, 1] as const, [271, 2, 4, text("Cam")] as const],
    ...[[273, 4, 1, PIXELS_AT] as const, [274, 3, 1, 6] as const, [277, 3, 1, 1] as const],
    ...[[278, 4, 1, SIZE.height] as const, [279, 4, 1, PIXELS] as const, [282, 5, 1, RATIO_AT] as const],
    ...[[283, 5, 1, RATIO_AT] as const, [296, 3, 1, 2] as const, [700, 7, xmp.length, XMP_AT] as const],
    ...[[33432, 2, 3, text("Me")] as const, [34665, 4, 1, EXIF_AT] as const],
  ]);
  const whole = Buffer.alloc(mainAt + main.length);
  whole.write("MM\0*", 0, "latin1");
  whole.writeUInt32BE(mainAt, 4);
  whole.set(pixels, PIXELS_AT);
  whole.set(
    directory([
      [40962, 3, 1, SIZE.width],
      [40963, 3, 1, SIZE.height],
    ]),
    EXIF_AT,
  );
  whole.writeUInt32BE(300, RATIO_AT);
  whole.writeUInt32BE(1, RATIO_AT + 4);
  whole.set(xmp, XMP_AT);
  whole.set(main, mainAt);
  return whole;
}

/** One page after another of any sizes, as other programs' TIFFs have them: uncompressed, little-endian. */
export function tiffPages(pages: readonly { width: number; height: number; channels: 1 | 3; depth: 8 | 16 }[]): Buffer {
  const parts: Buffer[] = [Buffer.from("II*\0\0\0\0\0", "latin1")];
  let at = 8;
  let link = 4;
  for (const [index, { width, height, channels, depth }] of pages.entries()) {
    const data = Buffer.alloc((width * height * channels * depth) / 8, 40 + index * 60);
    const entries: [number, number, number][] = [
      ...([
        [256, 4, width],
        [257, 4, height],
        [258, 3, depth],
        [259, 3, 1],
      ] as [number, number, number][]),
      ...([
        [262, 3, channels === 1 ? 1 : 2],
        [273, 4, at],
        [277, 3, channels],
      ] as [number, number, number][]),
      ...([
        [278, 4, height],
        [279, 4, data.length],
      ] as [number, number, number][]),
    ];
    const directory = Buffer.alloc(2 + entries.length * 12 + 4);
    directory.writeUInt16LE(entries.length);
    entries.forEach(([tag, type, value], place) => {
      directory.writeUInt16LE(tag, 2 + place * 12);
      directory.writeUInt16LE(type, 4 + place * 12);
      directory.writeUInt32LE(1, 6 + place * 12);
      directory.writeUInt32LE(value, 10 + place * 12);
    });
    const padding = Buffer.alloc(data.length % 2);
    parts.push(data, padding, directory);
    const start = at + data.length + padding.length;
    const whole = Buffer.concat(parts);
    whole.writeUInt32LE(start, link);
    parts.splice(0, parts.length, whole);
    link = start + directory.length - 4;
    at = whole.length;
  }
  return Buffer.concat(parts);
}
