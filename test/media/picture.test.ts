import { readFile, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { findFfmpeg } from "../../engine/media/ffmpeg.ts";
import type { Frame } from "../../engine/media/frame.ts";
import type { PictureInfo } from "../../engine/media/media-info.ts";
import { type Picture, readPicture } from "../../engine/media/picture-reader.ts";
import { writtenFormats } from "../../engine/media/picture-formats.ts";
import { type PictureWriting, writePicture } from "../../engine/media/picture-writer.ts";
import { probeMedia } from "../../engine/media/probe.ts";
import { resizeFrame } from "../../engine/media/resize.ts";
import { programs, temporaryFolder } from "./media-files.ts";

const file = temporaryFolder();

async function probePicture(path: string): Promise<PictureInfo> {
  const info = await probeMedia(await findFfmpeg(programs[0] ?? null), path);
  if (info.kind !== "picture") throw new TypeError(`${path} was taken for a clip`);
  return info;
}

async function read(path: string): Promise<Picture> {
  return readPicture(path, await probePicture(path));
}

function write(path: string, frames: readonly Frame[], writing: Omit<PictureWriting, "workDir">) {
  return writePicture(path, frames, { ...writing, workDir: file("") });
}

/** A frame whose every value differs from its neighbours'. */
function pattern(width: number, height: number, wish: { depth?: 8 | 16; alpha?: boolean } = {}): Frame {
  const depth = wish.depth ?? 8;
  const top = depth === 8 ? 256 : 65536;
  const values = (count: number, step: number) => Array.from({ length: count }, (_, index) => (index * step + 3) % top);
  const make = (list: number[]) => (depth === 8 ? Uint8Array.from(list) : Uint16Array.from(list));
  const frame = { width, height, depth, rgb: make(values(width * height * 3, 10007)), time: 0n };
  return wish.alpha ? { ...frame, alpha: make(values(width * height, 7919)) } : frame;
}

describe("pictures", () => {
  it.each([
    ["png", 8, false],
    ["png", 8, true],
    ["png", 16, false],
    ["png", 16, true],
    ["tiff", 8, true],
    ["tiff", 16, false],
    ["tiff", 16, true],
  ] as const)("writes and reads %s with %i bits, alpha %s, exactly", async (format, depth, alpha) => {
    const frame = pattern(13, 7, { depth, alpha });
    const { notes } = await write(file("exact.part"), [frame], { format });
    expect(notes).toEqual([]);
    const { frames, info } = await read(file("exact.part"));
    expect(info).toMatchObject({ format, width: 13, height: 7, depth, alpha, pages: 1 });
    expect(frames).toEqual([frame]);
  });

  it.each(writtenFormats)("writes 1×1 as %s and reads it", async (format) => {
    const frame: Frame = { width: 1, height: 1, depth: 8, rgb: Uint8Array.of(200, 200, 200), time: 0n };
    await write(file("one.part"), [frame], { format });
    const { frames } = await read(file("one.part"));
    expect(frames[0]).toMatchObject({ width: 1, height: 1, depth: 8 });
    expect(Math.abs((frames[0]?.rgb[0] ?? 0) - 200)).toBeLessThanOrEqual(3);
  });

  it.each([
    ["jpg", /8 bits.*white/],
    ["webp", /8 bits/],
    ["gif", /8 bits/],
  ] as const)("says what %s cannot hold", async (format, expected) => {
    const { notes } = await write(file("lossy.part"), [pattern(4, 4, { depth: 16, alpha: true })], { format });
    expect(notes.join(" ")).toMatch(expected);
    expect((await read(file("lossy.part"))).info.depth).toBe(8);
  });

  it("lays transparency on white in JPEG", async () => {
    const rgb = new Uint8Array(64 * 3);
    const frame: Frame = { width: 8, height: 8, depth: 8, rgb, alpha: new Uint8Array(64).fill(64), time: 0n };
    await write(file("white.part"), [frame], { format: "jpeg" });
    const { frames } = await read(file("white.part"));
    expect(Math.abs((frames[0]?.rgb[0] ?? 0) - 191)).toBeLessThanOrEqual(2);
    expect(frames[0]?.alpha).toBeUndefined();
  });

  it("keeps more than 8 bits in AVIF", async () => {
    const rgb = new Uint16Array(32 * 32 * 3).map((_, index) => Math.floor(index / 3) * 8 + 20_000);
    await write(file("deep.part"), [{ width: 32, height: 32, depth: 16, rgb, time: 0n }], { format: "avif" });
    const { frames, info } = await read(file("deep.part"));
    expect(info).toMatchObject({ format: "avif", depth: 16 });
    const worst = Math.max(...rgb.map((value, index) => Math.abs(value - (frames[0]?.rgb[index] ?? 0))));
    expect(worst).toBeLessThan(900);
  });

  it.each([
    ["png", 8, 1],
    ["png", 16, 1],
    ["png", 8, 2],
    ["tiff", 16, 1],
    ["jpeg", 8, 1],
  ] as const)("reads grey %s of %i bits, %i channels, and writes it grey", async (format, depth, channels) => {
    const values = Array.from({ length: 5 * 3 * channels }, (_, index) => (index * 16 * 257) % 65536);
    const data = depth === 8 ? Uint8Array.from(values, (value) => value >> 8) : Uint16Array.from(values);
    const made = sharp(data, { raw: { width: 5, height: 3, channels } }).toColourspace(depth === 8 ? "b-w" : "grey16");
    const options = { png: {}, tiff: { compression: "lzw" }, jpeg: { quality: 100 } }[format];
    await made.toFormat(format, options).toFile(file(`grey.${format}`));
    const { frames, info } = await read(file(`grey.${format}`));
    expect(info).toMatchObject({ grey: true, depth, alpha: channels === 2 });
    const [frame] = frames as [Frame];
    for (let pixel = 0; pixel < 15; pixel++) {
      const [r, g, b] = frame.rgb.slice(pixel * 3, pixel * 3 + 3);
      expect([g, b]).toEqual([r, r]);
      if (format !== "jpeg") expect(r).toBe(data[pixel * channels]);
      if (channels === 2) expect(frame.alpha?.[pixel]).toBe(data[pixel * 2 + 1]);
    }
    await write(file("again.part"), frames, { format, grey: true });
    const again = await read(file("again.part"));
    expect(again.info.grey).toBe(true);
    if (format !== "jpeg") expect(again.frames).toEqual(frames);
  });

  it("turns pictures as EXIF says", async () => {
    const rgb = Uint8Array.of(255, 0, 0, 0, 0, 255);
    await sharp(rgb, { raw: { width: 2, height: 1, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .toFormat("png")
      .toFile(file("turned.png"));
    const { frames, info } = await read(file("turned.png"));
    expect([info.width, info.height]).toEqual([1, 2]);
    expect(frames[0]).toMatchObject({ width: 1, height: 2, rgb });
    await write(file("upright.png"), frames, { format: "png" });
    expect((await sharp(file("upright.png")).metadata()).orientation).toBeUndefined();
  });

  it("reads CMYK as RGB and a palette as its colours", async () => {
    const red = sharp({ create: { width: 8, height: 8, channels: 3, background: "#c80000" } });
    await red.clone().toColourspace("cmyk").jpeg({ quality: 100 }).toFile(file("cmyk.jpg"));
    await red.clone().png({ palette: true }).toFile(file("palette.png"));
    for (const name of ["cmyk.jpg", "palette.png"]) {
      const { frames, info } = await read(file(name));
      expect(info).toMatchObject({ alpha: false, grey: false, depth: 8 });
      expect(frames[0]?.rgb.length).toBe(192);
      expect(frames[0]?.rgb[0]).toBeGreaterThan(170);
      expect(frames[0]?.rgb[1]).toBeLessThan(60);
    }
  });

  it.each(["gif", "webp"] as const)("keeps the frames, delays and loops of an animated %s", async (format) => {
    const frames = [10, 120, 250].map((grey): Frame => {
      return { width: 6, height: 4, depth: 8, rgb: new Uint8Array(72).fill(grey), time: 0n };
    });
    await write(file("moving.part"), frames, { format, delays: [100, 200, 50], loop: 2 });
    const picture = await read(file("moving.part"));
    expect(picture.info).toMatchObject({ width: 6, height: 4, pages: 3, delays: [100, 200, 50], loop: 2 });
    expect(picture.frames.map((frame) => frame.height)).toEqual([4, 4, 4]);
    for (const [index, grey] of [10, 120, 250].entries()) {
      expect(Math.abs((picture.frames[index]?.rgb[30] ?? 0) - grey)).toBeLessThanOrEqual(3);
    }
  });

  it("shortens moments that last longer than can be written, and says so", async () => {
    const frames = [10, 120].map((grey): Frame => {
      return { width: 6, height: 4, depth: 8, rgb: new Uint8Array(72).fill(grey), time: 0n };
    });
    const { notes } = await write(file("long.part"), frames, { format: "webp", delays: [2_097_202, 60] });
    expect((await read(file("long.part"))).info.delays).toEqual([65_535, 60]);
    expect(notes.join()).toMatch(/longer are shown for 65\.535 s/);
  });

  it("keeps the pages of a TIFF", async () => {
    const frames = [pattern(5, 4, { depth: 16 }), pattern(5, 4, { depth: 16 })];
    await write(file("pages.part"), frames, { format: "tiff" });
    const picture = await read(file("pages.part"));
    expect(picture.info.pages).toBe(2);
    expect(picture.frames).toEqual(frames);
  });

  it.each(["with space.png", 'it\'s "quoted".png', "line\nend.png", "100%d.png", "日本 é.png", "a[1]", "a[page=2]"])(
    "takes the name %j literally",
    async (name) => {
      const frame = pattern(3, 3);
      await write(file("named.part"), [frame], { format: "png" });
      await writeFile(file(name), await readFile(file("named.part")));
      expect((await read(file(name))).frames).toEqual([frame]);
    },
  );

  it.each(writtenFormats)("refuses a truncated %s", async (format) => {
    const noise = pattern(64, 64);
    await write(file("whole.part"), [noise], { format });
    const bytes = await readFile(file("whole.part"));
    await writeFile(file("cut.png"), bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    await expect(probePicture(file("cut.png"))).rejects.toMatchObject({ code: "unreadable_media" });
  });

  it("refuses a picture over the limit by its size, and says where nothing can be written", async () => {
    const huge: Frame = { ...pattern(1, 1), width: 20_000, height: 20_000 };
    await expect(write(file("huge.part"), [huge], { format: "png" })).rejects.toMatchObject({
      code: "too_large",
    });
    const writing = write(file("no such folder/x.part"), [pattern(2, 2)], { format: "png" });
    await expect(writing).rejects.toMatchObject({ code: "not_writable" });
  });
});

describe("resizing", () => {
  it("gives the same frame where the size is right", async () => {
    const frame = pattern(4, 4);
    expect(await resizeFrame(frame, 4, 4)).toBe(frame);
  });

  it.each([
    [8, 2, 3],
    [8, 31, 17],
    [16, 2, 3],
    [16, 31, 17],
  ] as const)(
    "gives exactly the size asked for at %i bits, alpha and time kept: %i×%i",
    async (depth, width, height) => {
      const frame = { ...pattern(10, 9, { depth, alpha: true }), time: 5n };
      const resized = await resizeFrame(frame, width, height);
      expect(resized).toMatchObject({ width, height, depth, time: 5n });
      expect(resized.rgb.length).toBe(width * height * 3);
      expect(resized.alpha?.length).toBe(width * height);
      expect(resized.rgb instanceof Uint16Array).toBe(depth === 16);
    },
  );

  it("keeps flat areas of 16-bit values exactly", async () => {
    const flat = new Uint16Array(100 * 3).fill(12_345);
    const alpha = new Uint16Array(100).fill(54_321);
    const frame: Frame = { width: 10, height: 10, depth: 16, rgb: flat, alpha, time: 0n };
    for (const side of [7, 20]) {
      const resized = await resizeFrame(frame, side, side);
      expect(new Set(resized.rgb)).toEqual(new Set([12_345]));
      expect(new Set(resized.alpha)).toEqual(new Set([54_321]));
    }
  });

  it.each([8, 16] as const)("holds overshooting edges of %i bits within the range", async (depth) => {
    const top = depth === 8 ? 255 : 65535;
    const values = Array.from({ length: 40 * 40 * 3 }, (_, index) => (Math.floor(index / 3) % 40 < 20 ? 0 : top));
    const rgb = depth === 8 ? Uint8Array.from(values) : Uint16Array.from(values);
    const resized = await resizeFrame({ width: 40, height: 40, depth, rgb, time: 0n }, 31, 31);
    const row = Array.from({ length: 31 }, (_, x) => resized.rgb[x * 3] ?? -1);
    expect(row.slice(0, 12).every((value) => value < top / 8)).toBe(true);
    expect(row.slice(19).every((value) => value > (top * 7) / 8)).toBe(true);
  });

  it("keeps colours under full transparency", async () => {
    const frame: Frame = {
      ...{ width: 8, height: 8, depth: 8, time: 0n },
      ...{ rgb: new Uint8Array(192).fill(77), alpha: new Uint8Array(64) },
    };
    expect(new Set((await resizeFrame(frame, 16, 16)).rgb)).toEqual(new Set([77]));
  });
});
