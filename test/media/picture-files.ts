import { writeFile } from "node:fs/promises";
import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import type { Channels, Sharp } from "sharp";
import { ffmpegCommand } from "./media-files.ts";

/** Size of a made picture. */
const SIZE = { width: 6, height: 4 } as const;
const PIXELS = SIZE.width * SIZE.height;
const DEEP = 65536;

/** Values of packed pixels, each unlike its neighbours. */
function values(channels: number, depth: 8 | 16 = 8, seed = 0): Uint8Array | Uint16Array {
  const list = Array.from({ length: PIXELS * channels }, (_, index) => (index * 9973 + seed * 7001 + 3) % DEEP);
  return depth === 16 ? Uint16Array.from(list) : Uint8Array.from(list, (value) => value >> 8);
}

/** Values that lossy formats keep nearly. */
function softValues(channels: number): Uint8Array {
  return Uint8Array.from({ length: PIXELS * channels }, (_, index) => 60 + Math.floor(index / channels) * 5);
}

const xmpText = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 tiff:Orientation="6" tiff:Make="Cam"><exif:PixelXDimension>6</exif:PixelXDimension></rdf:Description></rdf:RDF></x:xmpmeta>`;

const spaces = { 8: { grey: "b-w", rgb: "srgb" }, 16: { grey: "grey16", rgb: "rgb16" } } as const;

function picture(data: Uint8Array | Uint16Array, channels: Channels): Sharp {
  const depth = data instanceof Uint16Array ? 16 : 8;
  const opened = sharp(data, { raw: { ...SIZE, channels } });
  return opened.toColourspace(spaces[depth][channels < 3 ? "grey" : "rgb"]);
}

/** With all that a camera's file holds; turned as EXIF's number says. */
function fromCamera(orientation: number): Sharp {
  return picture(softValues(3), 3)
    .withExif({ IFD0: { Make: "Cam", Copyright: "Me" }, IFD3: { GPSLatitudeRef: "N" } })
    .withMetadata({ orientation, density: 300 })
    .withXmp(xmpText);
}

function animation(frames: number): Sharp {
  const data = Buffer.concat(Array.from({ length: frames }, (_, index) => Uint8Array.from(values(3, 8, index))));
  const { width, height } = SIZE;
  return sharp(data, { raw: { width, height: height * frames, channels: 3, pageHeight: height } });
}

/** A PNG of chunks: what sharp does not write. */
function png(
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
function rows(width: number, at: (x: number, y: number) => number): Uint8Array {
  const row = (y: number) => [0, ...Array.from({ length: width }, (_, x) => at(x, y))];
  return Uint8Array.from(Array.from({ length: SIZE.height }, (_, y) => row(y)).flat());
}

/** A grey profile of gamma 2.2 with nothing but what ICC.1 demands. */
function greyProfile(): Buffer {
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

/** One page after another of any sizes, as other programs' TIFFs have them: uncompressed, little-endian. */
function tiffPages(pages: readonly { width: number; height: number; channels: 1 | 3; depth: 8 | 16 }[]): Buffer {
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

const colours = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255]);

/** Every picture the trait tests use, by file name: how it is made. */
export const pictureFiles = {
  "rgb.png": () => picture(values(3), 3).png().toBuffer(),
  "rgb16.png": () => picture(values(3, 16), 3).png().toBuffer(),
  "rgba.png": () => picture(values(4), 4).png().toBuffer(),
  "rgba16.png": () => picture(values(4, 16), 4).png().toBuffer(),
  "grey.png": () => picture(values(1), 1).png().toBuffer(),
  "grey16.png": () => picture(values(1, 16), 1).png().toBuffer(),
  "grey-alpha.png": () => picture(values(2), 2).png().toBuffer(),
  "grey16.tif": () => picture(values(1, 16), 1).tiff({ compression: "lzw" }).toBuffer(),
  "palette.png": () =>
    png(
      8,
      3,
      [["PLTE", colours]],
      rows(6, (x, y) => (x + y) % 3),
    ),
  "palette-clear.png": () =>
    png(
      8,
      3,
      [
        ["PLTE", colours],
        ["tRNS", Uint8Array.of(0, 128)],
      ],
      rows(6, (x, y) => (x + y) % 3),
    ),
  "key-colour.png": () =>
    png(
      8,
      0,
      [["tRNS", Uint8Array.of(0, 7)]],
      rows(6, (x, y) => 7 * (x + y)),
    ),
  "one-bit.png": () =>
    png(
      1,
      0,
      [],
      rows(1, (_, y) => (y % 2 ? 0b10101000 : 0b01010100)),
    ),
  "one-bit.tif": () => picture(values(1), 1).tiff({ bitdepth: 1, compression: "ccittfax4" }).toBuffer(),
  "cmyk.jpg": () => picture(softValues(3), 3).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer(),
  "srgb.jpg": () => picture(softValues(3), 3).withIccProfile("srgb").jpeg({ quality: 100 }).toBuffer(),
  "p3.png": () => picture(values(3), 3).withIccProfile("p3").png().toBuffer(),
  "p3-16.png": () => picture(values(3, 16), 3).withIccProfile("p3").png().toBuffer(),
  "grey-profile.png": () =>
    png(
      8,
      0,
      [["iCCP", Buffer.concat([Buffer.from("g\0\0", "latin1"), deflateSync(greyProfile())])]],
      rows(6, (x, y) => 9 * (x + y)),
    ),
  "broken-profile.jpg": async () => {
    const whole = await picture(softValues(3), 3).jpeg({ quality: 100 }).toBuffer();
    const profile = Buffer.from("\xff\xe2\0\xd8ICC_PROFILE\0\x01\x01", "latin1");
    return Buffer.concat([whole.subarray(0, 2), profile, Buffer.alloc(200, 7), whole.subarray(2)]);
  },
  "texts.png": () =>
    png(
      8,
      0,
      [["tEXt", Buffer.from("parameters\0a cat & a <dog>", "latin1")]],
      rows(6, (x, y) => 9 * (x + y)),
    ),
  "camera-1.jpg": () => fromCamera(1).jpeg({ quality: 100 }).toBuffer(),
  "camera-6.jpg": () => fromCamera(6).jpeg({ quality: 100, chromaSubsampling: "4:4:4" }).toBuffer(),
  "camera-6.webp": () => fromCamera(6).webp({ lossless: true }).toBuffer(),
  "camera-6.png": () => fromCamera(6).png().toBuffer(),
  "camera-6.tif": () => fromCamera(6).tiff({ compression: "lzw" }).toBuffer(),
  "moving.gif": () =>
    animation(3)
      .gif({ delay: [100, 250, 40], loop: 2 })
      .toBuffer(),
  "moving.webp": () =>
    animation(3)
      .webp({ lossless: true, delay: [100, 250, 45], loop: 0 })
      .toBuffer(),
  "moving-6.webp": () =>
    animation(2)
      .withMetadata({ orientation: 6 })
      .webp({ lossless: true, delay: [100, 250], loop: 0 })
      .toBuffer(),
  "pages.tif": () =>
    tiffPages([
      { ...SIZE, channels: 3, depth: 8 },
      { ...SIZE, channels: 3, depth: 8 },
    ]),
  "mixed-pages.tif": () =>
    tiffPages([
      { width: 6, height: 4, channels: 3, depth: 8 },
      { width: 3, height: 8, channels: 1, depth: 16 },
    ]),
  "wide.png": () =>
    sharp(new Uint8Array(7 * 3).fill(90), { raw: { width: 7, height: 1, channels: 3 } })
      .png()
      .toBuffer(),
  "tall.png": () =>
    sharp(new Uint8Array(7 * 3).fill(90), { raw: { width: 1, height: 7, channels: 3 } })
      .png()
      .toBuffer(),
  "dot.png": () =>
    sharp(new Uint8Array(3).fill(90), { raw: { width: 1, height: 1, channels: 3 } })
      .png()
      .toBuffer(),
} satisfies Record<string, () => Buffer | Promise<Buffer>>;

export type PictureFile = keyof typeof pictureFiles;

/** Writes one of them. */
export async function makePictureFile(name: PictureFile, path: string): Promise<void> {
  await writeFile(path, await pictureFiles[name]());
}

/** An animated PNG, which only ffmpeg makes. */
export function makeAnimatedPng(path: string): void {
  ffmpegCommand("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=1", "-f", "apng", "-plays", "0", path);
}
