import { readFile, rm } from "node:fs/promises";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { findFfmpeg } from "../../engine/media/ffmpeg.ts";
import type { Frame } from "../../engine/media/frame.ts";
import { parseIcc } from "../../engine/media/icc-profile.ts";
import type { WrittenFormat } from "../../engine/media/picture-formats.ts";
import { readPicture } from "../../engine/media/picture-reader.ts";
import { probeMedia } from "../../engine/media/probe.ts";
import { enlargePicture } from "../../engine/pipeline/enlarge-picture.ts";
import type { Job } from "../../engine/pipeline/job.ts";
import { identityUpscaler } from "../contracts/identity-upscaler.ts";
import { temporaryFolder } from "./media-files.ts";
import { exifEntries } from "./exif-entries.ts";
import { type PictureFile, makeAnimatedPng, makePictureFile } from "./picture-files.ts";

const file = temporaryFolder();

async function open(path: string) {
  const info = await probeMedia(await findFfmpeg(null), path);
  if (info.kind !== "picture") throw new TypeError(`${path} was taken for a clip`);
  return { info, picture: await readPicture(path, info), metadata: await sharp(path).metadata() };
}

/** The file through a network that computes nothing, at this scale. */
async function through(name: PictureFile, format: WrittenFormat, wish: { scale?: number; quality?: number } = {}) {
  const { scale = 1, quality } = wish;
  await makePictureFile(name, file(name));
  const source = await open(file(name));
  const { width, height } = source.info;
  const partPath = file(`result.${format}`);
  await rm(partPath, { force: true });
  const job: Job = {
    ...{ taskId: "t", kind: "image", inputPath: file(name), format, workDir: file(""), partPath, segmentFrames: 1 },
    target: { width: Math.round(width * scale), height: Math.round(height * scale) },
    parameters: quality === undefined ? {} : { quality },
    model: { name: "identity", kind: "builtin", path: "" },
    ffmpeg: await findFfmpeg(null),
  };
  const tools = { upscaler: identityUpscaler(), onProgress: () => {} };
  const { notes, frames } = await enlargePicture(job, source.info, tools);
  return { source, notes, frames, result: await open(partPath) };
}

const pixels = (frames: readonly Frame[]) =>
  frames.map(({ width, height, rgb, alpha }) => ({ width, height, rgb, alpha }));

describe("what a picture is stays what it is", () => {
  it.each([
    ["rgb.png", "png", { depth: 8, alpha: false, grey: false }],
    ["rgb16.png", "png", { depth: 16, alpha: false, grey: false }],
    ["rgb16.png", "tiff", { depth: 16, alpha: false, grey: false }],
    ["rgba.png", "png", { depth: 8, alpha: true, grey: false }],
    ["rgba16.png", "tiff", { depth: 16, alpha: true, grey: false }],
    ["grey.png", "png", { depth: 8, alpha: false, grey: true }],
    ["grey16.png", "tiff", { depth: 16, alpha: false, grey: true }],
    ["grey16.tif", "png", { depth: 16, alpha: false, grey: true }],
    ["grey-alpha.png", "png", { depth: 8, alpha: true, grey: true }],
    ["palette.png", "png", { depth: 8, alpha: false, grey: false }],
    ["palette-clear.png", "png", { depth: 8, alpha: true, grey: false }],
    ["key-colour.png", "png", { depth: 8, alpha: true, grey: true }],
    ["one-bit.png", "png", { depth: 8, alpha: false, grey: true }],
    ["one-bit.tif", "tiff", { depth: 8, alpha: false, grey: true }],
    ["wide.png", "png", { width: 7, height: 1 }],
    ["tall.png", "png", { width: 1, height: 7 }],
    ["dot.png", "png", { width: 1, height: 1 }],
    ["pages.tif", "tiff", { pages: 2 }],
    ["moving.webp", "webp", { pages: 3, delays: [100, 250, 45], loop: 0 }],
    ["moving.gif", "gif", { pages: 3, delays: [100, 250, 40], loop: 2 }],
    ["moving-6.webp", "webp", { pages: 2, width: 4, height: 6, delays: [100, 250] }],
  ] as const)("%s as %s: %o", async (name, format, traits) => {
    const { source, result, notes } = await through(name, format);
    expect(source.info).toMatchObject(traits);
    expect(result.info).toMatchObject(traits);
    expect(notes).toEqual([]);
    if (format !== "webp") expect(pixels(result.picture.frames)).toEqual(pixels(source.picture.frames));
  });
});

describe("colour profiles", () => {
  it.each([
    ["srgb.jpg", "jpeg", null],
    ["srgb.jpg", "png", null],
    ["grey-profile.png", "png", null],
    ["grey-profile.png", "webp", /WebP as written here does not hold the colour profile/],
    ["broken-profile.jpg", "png", /profile is damaged/],
    ["cmyk.jpg", "png", /CMYK: it was converted to sRGB/],
  ] as const)("%s as %s keeps its numbers' meaning", async (name, format, note) => {
    const { source, result, notes } = await through(name, format);
    if (note) expect(notes.join(" ")).toMatch(note);
    else {
      expect(notes).toEqual([]);
      expect(result.metadata.icc).toEqual(source.metadata.icc);
    }
    if (format === "png") expect(pixels(result.picture.frames)).toEqual(pixels(source.picture.frames));
  });

  it.each([
    ["p3.png", 8],
    ["p3-16.png", 16],
  ] as const)("%s is converted to sRGB and tagged", async (name, depth) => {
    const { source, result, notes } = await through(name, "png");
    expect(notes).toEqual([expect.stringMatching(/colours \(.*\) were converted to sRGB.*tagged sRGB/)]);
    expect(parseIcc(result.metadata.icc as Buffer)?.name).toMatch(/srgb/i);
    expect(pixels(result.picture.frames)).toEqual(pixels(source.picture.frames));
    const stored = await storedNumbers(file(name), depth);
    const off = Array.from(stored, (_, index) => {
      const pixel = index - (index % 3);
      const expected = fromP3([stored[pixel]!, stored[pixel + 1]!, stored[pixel + 2]!], 2 ** depth - 1);
      return Math.abs(expected[index % 3]! - source.picture.frames[0]!.rgb[index]!);
    });
    // libvips' compact profiles draw the curves only so closely; not converting would be off by 0.13.
    expect(Math.max(...off) / (2 ** depth - 1)).toBeLessThan(0.01);
  });
});

async function storedNumbers(path: string, depth: 8 | 16): Promise<Uint8Array | Uint16Array> {
  const opened = sharp(path, { ignoreIcc: true }).toColourspace(depth === 8 ? "srgb" : "rgb16");
  const data = await opened.raw({ depth: depth === 8 ? "uchar" : "ushort" }).toBuffer();
  return depth === 8 ? data : new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
}

/** Display P3 → sRGB (both with sRGB's curve and D65; matrix by CSS Color 4), what is outside clipped. */
function fromP3(numbers: readonly [number, number, number], peak: number): number[] {
  const matrix = [
    [1.2249401763, -0.2249401763, 0],
    [-0.0420569547, 1.0420569547, 0],
    [-0.0196375546, -0.0786360456, 1.0982736001],
  ];
  const light = numbers
    .map((number) => number / peak)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return matrix.map((row) => {
    const v = Math.min(
      1,
      Math.max(
        0,
        row.reduce((sum, weight, channel) => sum + weight * light[channel]!, 0),
      ),
    );
    return peak * (v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055);
  });
}

describe("what else a picture's file holds", () => {
  it.each([
    ["camera-1.jpg", "jpeg"],
    ["camera-6.jpg", "jpeg"],
    ["camera-6.jpg", "png"],
    ["camera-6.png", "png"],
    ["camera-6.webp", "webp"],
    ["camera-6.jpg", "avif"],
    ["camera-6.jpg", "tiff"],
    ["archive-be.tif", "tiff"],
    ["archive-be.tif", "jpeg"],
    ["camera-6.png", "jpeg"],
  ] as const)("%s as %s: EXIF, XMP and resolution, with turn and sizes corrected", async (name, format) => {
    const { source, result, notes } = await through(name, format, { scale: 2 });
    const upright = !name.includes("1") ? { width: 8, height: 12 } : { width: 12, height: 8 };
    expect(notes).toEqual([]);
    expect(result.info).toMatchObject(upright);
    expect(result.metadata).toMatchObject(upright);
    expect(result.metadata.orientation ?? 1).toBe(1);
    if (format !== "webp" && format !== "avif") expect(result.metadata.density).toBe(300);
    // A TIFF's own directory is laid out as EXIF.
    const exif = exifEntries(result.metadata.exif ?? (await readFile(file(`result.${format}`))));
    expect(exif).toMatchObject({
      271: "Cam",
      33432: "Me",
      274: 1,
      40962: upright.width,
      40963: upright.height,
      282: 300,
    });
    const text = (result.metadata.xmp as Buffer).toString();
    expect(text).toContain('tiff:Orientation="1" tiff:Make="Cam"');
    expect(text).toContain(`<exif:PixelXDimension>${upright.width}<`);
    expect(source.metadata.xmp?.toString()).toContain('tiff:Orientation="6"');
  });

  it("says what a format does not hold", async () => {
    const { notes } = await through("camera-6.jpg", "gif");
    expect(notes.join(" ")).toMatch(
      /GIF as written here does not hold EXIF, XMP, the resolution \(dpi\) of the source/,
    );
  });

  it("joins equal neighbours of an animation, and says so", async () => {
    const { source, result, notes } = await through("standing.gif", "gif");
    expect(source.info.delays).toEqual([100, 200, 300]);
    expect(result.info.delays).toEqual([100, 500]);
    expect(notes).toEqual(["Of 3 moments 2 are written: equal neighbours were joined, their times added."]);
  });

  it("keeps PNG's texts", async () => {
    const { result } = await through("texts.png", "png");
    expect(result.metadata.comments).toEqual([{ keyword: "parameters", text: "a cat & a <dog>" }]);
  });
});

describe("pages and moments", () => {
  it("keeps the sizes of unlike pages, laid on white where a page is smaller", async () => {
    const { source, result, notes, frames } = await through("mixed-pages.tif", "tiff", { scale: 2 });
    expect(source.info.pageSizes).toEqual([
      { width: 6, height: 4 },
      { width: 3, height: 8 },
    ]);
    expect(frames).toBe(2);
    expect(notes).toEqual(["The pages differ in size: smaller ones were laid on white pages of 12×16."]);
    expect(result.info).toMatchObject({ pages: 2, width: 12, height: 16, depth: 16 });
    const [first, second] = result.picture.frames;
    const at = (frame: Frame | undefined, x: number, y: number) => frame?.rgb[(y * 12 + x) * 3];
    expect([at(first, 0, 0), at(first, 11, 7), at(first, 0, 8)]).toEqual([40 * 257, 40 * 257, 65535]);
    expect([at(second, 5, 15), at(second, 6, 15)]).toEqual([100 * 257, 65535]);
  });

  it("says that one page of several is kept", async () => {
    const { result, notes } = await through("moving.gif", "png");
    expect(notes).toEqual(["The source has 3 frames or pages; PNG as written here holds one: the first was enlarged."]);
    expect(result.info.pages).toBe(1);
  });

  it("reads an animated PNG as a clip", async () => {
    makeAnimatedPng(file("moving.png"));
    const info = await probeMedia(await findFfmpeg(null), file("moving.png"));
    expect(info).toMatchObject({ kind: "clip", demuxer: "apng", width: 64, height: 48 });
  });
});

describe("quality", () => {
  it.each(["jpeg", "webp", "avif"] as const)("brings %s closer to the pixels", async (format) => {
    const exact = (await through("rgb.png", "png", { scale: 8 })).result.picture.frames[0]!;
    const off = async (quality: number) => {
      const { result } = await through("rgb.png", format, { scale: 8, quality });
      return distance(result.picture.frames[0]!, exact);
    };
    expect(await off(95)).toBeLessThan((await off(10)) / 2);
  });

  it.each(["png", "tiff", "gif"] as const)("has no meaning for %s, which is said", async (format) => {
    const { notes } = await through("palette.png", format, { quality: 50 });
    expect(notes).toEqual([expect.stringMatching(/^quality has no meaning for (PNG|TIFF|GIF)\.$/)]);
  });
});

function distance(one: Frame, other: Frame): number {
  const total = Array.from(one.rgb).reduce((sum, value, index) => sum + Math.abs(value - other.rgb[index]!), 0);
  return total / one.rgb.length;
}
