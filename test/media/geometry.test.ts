import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readClip } from "../../engine/media/clip-reader.ts";
import type { Frame } from "../../engine/media/frame.ts";
import { allFrames, bannerOf, ffmpegCommand, found, programs, temporaryFolder } from "./media-files.ts";
import { probeClip, throughIdentity } from "./round-trip.ts";

const colours = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255], white: [255, 255, 255] } as const;

/** The nearest of four colours in the middle of each quarter: upper left, upper right, lower left, lower right. */
function quarters(frame: Frame | undefined): string[] {
  const { width = 1, height = 1, rgb = new Uint8Array(0) } = frame ?? {};
  return [1, 3].flatMap((down) =>
    [1, 3].map((across) => {
      const place = (Math.floor((height * down) / 4) * width + Math.floor((width * across) / 4)) * 3;
      const far = (colour: readonly number[]) =>
        colour.reduce((sum, v, c) => sum + Math.abs(v - (rgb[place + c] ?? 0)), 0);
      return Object.entries(colours).sort(([, one], [, other]) => far(one) - far(other))[0]?.[0] ?? "";
    }),
  );
}

/** Four quarters of 32 by 16 pixels: red and green above blue and white. */
function fourQuarters(path: string, ...output: readonly string[]): void {
  const parts = Object.keys(colours).flatMap((name) => ["-f", "lavfi", "-i", `color=${name}:s=32x16:r=25:d=0.08`]);
  const join = "[0:v][1:v]hstack[u];[2:v][3:v]hstack[l];[u][l]vstack,format=yuv420p";
  ffmpegCommand(...parts, "-filter_complex", join, ...output, path);
}

/** Writes a display matrix into an MP4's only track. */
async function setMatrix(path: string, [a, b, c, d]: readonly [number, number, number, number]): Promise<void> {
  const bytes = await readFile(path);
  const place = bytes.indexOf("tkhd") + 44;
  for (const [index, value] of [a, b, 0, c, d, 0, 0, 0].entries()) bytes.writeInt32BE(value * 65536, place + index * 4);
  bytes.writeInt32BE(2 ** 30, place + 32);
  await writeFile(path, bytes);
}

describe.each(programs)("geometry with %s", (program) => {
  const file = temporaryFolder();

  it.each([
    ["as stored", [1, 0, 0, 1]],
    ["a quarter turn clockwise", [0, 1, -1, 0]],
    ["a half turn", [-1, 0, 0, -1]],
    ["a quarter turn the other way", [0, -1, 1, 0]],
    ["mirrored", [-1, 0, 0, 1]],
    ["upside down in a mirror", [1, 0, 0, -1]],
    ["mirrored along one diagonal", [0, 1, 1, 0]],
    ["mirrored along the other", [0, -1, -1, 0]],
  ] as const)("is upright whatever the display matrix: %s", async (_what, matrix) => {
    const ffmpeg = await found(program);
    const source = file("matrix.mp4");
    fourQuarters(source, "-c:v", "libx264", "-qp", "1");
    await setMatrix(source, matrix);
    const [a, b, c, d] = matrix;
    const expected: string[] = [];
    for (const [index, name] of Object.keys(colours).entries()) {
      const [x, y] = [index % 2 ? 1 : -1, index > 1 ? 1 : -1];
      expected[(b * x + d * y > 0 ? 2 : 0) + (a * x + c * y > 0 ? 1 : 0)] = name;
    }
    const { info } = await throughIdentity(ffmpeg, { source, result: file("up.nut") }, { container: "mp4" });
    expect([info.width, info.height]).toEqual(a === 0 ? [32, 64] : [64, 32]);
    expect(quarters((await allFrames(readClip(ffmpeg, source, info, { limit: 1 })))[0])).toEqual(expected);
    const result = await probeClip(ffmpeg, file("up.nut"));
    expect(quarters((await allFrames(readClip(ffmpeg, file("up.nut"), result, { limit: 1 })))[0])).toEqual(expected);
  });

  it("keeps the shape of pixels, turned with them", async () => {
    const ffmpeg = await found(program);
    const source = file("anamorphic.mp4");
    fourQuarters(source, "-aspect", "8:3", "-c:v", "libx264");
    expect((await probeClip(ffmpeg, source)).sampleAspect).toEqual({ num: 4, den: 3 });
    await setMatrix(source, [0, -1, -1, 0]);
    const { info } = await throughIdentity(ffmpeg, { source, result: file("aspect.nut") }, { container: "mp4" });
    expect(info.sampleAspect).toEqual({ num: 3, den: 4 });
    expect(bannerOf(file("aspect.nut"))).toMatch(/32x64.*SAR 3:4/);
  });

  it("leaves out what the codec crops", async () => {
    const ffmpeg = await found(program);
    for (const codec of ["libx264", "libx265"]) {
      // Coded in blocks of 16 or 8 and cropped to this.
      const source = ["-f", "lavfi", "-i", "testsrc2=s=90x50:d=0.08", "-pix_fmt", "yuv420p", "-c:v", codec];
      ffmpegCommand(...source, "-x265-params", "log-level=error", file("coded.mp4"));
      const info = await probeClip(ffmpeg, file("coded.mp4"));
      const [frame] = await allFrames(readClip(ffmpeg, file("coded.mp4"), info));
      expect([info.width, info.height, frame?.rgb.length]).toEqual([90, 50, 90 * 50 * 3]);
    }
  });

  it("leaves out what Matroska crops, to the pixel", async () => {
    const ffmpeg = await found(program);
    // Its aspect for display is written over with a crop: 3 from the left, 8 from the top.
    const encoder = ["-pix_fmt", "yuv444p", "-c:v", "ffv1"]; // new releases crop reduced chroma to whole samples
    fourQuarters(file("wide.mkv"), "-aspect", "10", ...encoder, "-write_crc32", "0");
    fourQuarters(file("whole.mkv"), ...encoder);
    const bytes = await readFile(file("wide.mkv"));
    const replace = (from: string, to: string) => {
      const place = bytes.indexOf(Buffer.from(from, "hex"));
      expect(place).toBeGreaterThan(0);
      bytes.write(to, place, "hex");
    };
    replace("54b0810a", "54cc8103");
    replace("54ba8101", "54bb8108");
    await writeFile(file("cropped.mkv"), bytes);
    const info = await probeClip(ffmpeg, file("cropped.mkv"));
    expect(info).toMatchObject({ width: 61, height: 24, sampleAspect: { num: 1, den: 1 } });
    const whole = await probeClip(ffmpeg, file("whole.mkv"));
    const [all] = await allFrames(readClip(ffmpeg, file("whole.mkv"), whole));
    const [part] = await allFrames(readClip(ffmpeg, file("cropped.mkv"), info));
    for (const y of [0, 7, 8, 23]) expect(row(part, y, 0, 61)).toEqual(row(all, y + 8, 3, 61));
  });

  it.each([
    ["as stored", [1, 0, 0, 1], [3, 4]],
    ["a quarter turn clockwise", [0, 1, -1, 0], [8, 3]],
    ["a quarter turn the other way", [0, -1, 1, 0], [4, 1]],
    ["mirrored", [-1, 0, 0, 1], [1, 4]],
    ["mirrored along a diagonal", [0, -1, -1, 0], [8, 1]],
  ] as const)("leaves out what MP4's clean aperture does, to the pixel: %s", async (_what, matrix, [left, top]) => {
    const ffmpeg = await found(program);
    // New releases crop reduced chroma to whole samples.
    fourQuarters(file("all.mp4"), "-pix_fmt", "yuv444p", "-aspect", "4", "-c:v", "libx264", "-qp", "1");
    await setMatrix(file("all.mp4"), matrix);
    // 60 by 20 of 64 by 32 pixels, whose middle lies 1 to the right of that of the frame and 2 above it.
    await writeFile(file("seen.mp4"), withAperture(await readFile(file("all.mp4")), [60, 20, 1, -2]));
    const [all, seen] = [await probeClip(ffmpeg, file("all.mp4")), await probeClip(ffmpeg, file("seen.mp4"))];
    const aside = matrix[0] === 0;
    expect([seen.width, seen.height]).toEqual(aside ? [20, 60] : [60, 20]);
    expect(seen.sampleAspect).toEqual(aside ? { num: 1, den: 2 } : { num: 2, den: 1 });
    const [whole] = await allFrames(readClip(ffmpeg, file("all.mp4"), all));
    const [part] = await allFrames(readClip(ffmpeg, file("seen.mp4"), seen));
    for (let y = 0; y < seen.height; y++) {
      expect(row(part, y, 0, seen.width)).toEqual(row(whole, y + top, left, seen.width));
    }
  });
});

/** Some pixels of a row. */
function row(frame: Frame | undefined, y: number, x: number, count: number): number[] {
  const { width = 0, rgb = new Uint8Array() } = frame ?? {};
  return [...rgb.subarray((y * width + x) * 3, (y * width + x + count) * 3)];
}

/** An MP4 whose header stands last, with a clean aperture: width, height, and how far its middle is from the frame's. */
function withAperture(bytes: Buffer, numbers: readonly number[]): Buffer {
  const clap = Buffer.alloc(40);
  clap.writeUInt32BE(clap.length);
  clap.write("clap", 4);
  for (const [index, value] of numbers.entries()) {
    clap.writeInt32BE(value, 8 + index * 8);
    clap.writeInt32BE(1, 12 + index * 8);
  }
  let place = 0;
  let end = 0;
  for (const name of ["moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1"]) {
    place = bytes.indexOf(name, place) - 4;
    const size = bytes.readUInt32BE(place);
    end = place + size;
    bytes.writeUInt32BE(size + clap.length, place);
  }
  return Buffer.concat([bytes.subarray(0, end), clap, bytes.subarray(end)]);
}
