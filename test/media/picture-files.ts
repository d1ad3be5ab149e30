import { writeFile } from "node:fs/promises";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import type { Channels, Sharp } from "sharp";
import { ffmpegCommand } from "./media-files.ts";
import {
  SIZE,
  bigEndianTiff,
  greyProfile,
  plainGif,
  png,
  rows,
  softValues,
  tiffPages,
  values,
  xmpText,
} from "./picture-bytes.ts";

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
  "standing.gif": () =>
    plainGif([
      [1, 10],
      [2, 20],
      [2, 30],
    ]),
  "archive-be.tif": () => bigEndianTiff(),
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
