import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import type { Ffmpeg } from "../../engine/media/ffmpeg.ts";
import { runFfmpeg } from "../../engine/media/ffmpeg-process.ts";

export interface GoodFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const moving = ["-f", "lavfi", "-i", "testsrc2=s=32x24:r=10:d=0.5"];
const tone = ["-f", "lavfi", "-i", "sine=d=0.5:r=44100"];
const h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];

/** Clips by name, as ffmpeg's parameters. */
const clips: Readonly<Record<string, readonly string[]>> = {
  "a.mp4": [...moving, ...tone, ...h264, "-bf", "2", "-c:a", "aac"],
  "front.mp4": [...moving, ...h264, "-movflags", "+faststart"],
  "fragments.mp4": [...moving, ...tone, ...h264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"],
  "a.mkv": [...moving, ...tone, ...h264, "-c:a", "flac"],
  "a.mov": [...moving, ...tone, "-c:v", "prores_ks", "-c:a", "pcm_s16le"],
  "a.webm": [...moving, ...tone, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-ar", "48000"],
  "a.ts": [...moving, ...tone, "-c:v", "mpeg2video", "-c:a", "mp2"],
  "a.avi": [...moving, ...tone, "-c:v", "mpeg4", "-bf", "2", "-c:a", "mp2"],
  "a.flv": [...moving, ...tone, "-c:v", "flv1", "-c:a", "mp3"],
  "a.nut": [...moving, "-c:v", "ffv1"],
  "a.apng": [...moving, "-c:v", "apng", "-f", "apng"],
};

/** Pictures by name, as what sharp writes. */
const pictures: Readonly<Record<string, (picture: Sharp) => Sharp>> = {
  "a.png": (picture) => picture.png(),
  "deep.png": (picture) => picture.toColourspace("rgb16").png(),
  "palette.png": (picture) => picture.png({ palette: true }),
  "a.jpg": (picture) => picture.withExif({ IFD0: { Copyright: "nobody" } }).jpeg(),
  "a.webp": (picture) => picture.webp(),
  "a.avif": (picture) => picture.avif({ effort: 0 }),
  "a.tif": (picture) => picture.tiff({ compression: "lzw" }),
  "a.gif": (picture) => picture.gif(),
};

/** Small files of many formats, whole and sound; the ffmpeg makes the clips in `folder`. */
export async function makeGoodFiles(ffmpeg: Ffmpeg, folder: string): Promise<GoodFile[]> {
  const files: GoodFile[] = [];
  for (const [name, write] of Object.entries(pictures)) {
    files.push({ name, bytes: await write(gradient(1)).toBuffer() });
  }
  files.push({
    name: "moving.gif",
    bytes: await gradient(4)
      .gif({ delay: [50, 60, 70, 80] })
      .toBuffer(),
  });
  files.push({
    name: "moving.webp",
    bytes: await gradient(4)
      .webp({ delay: [50, 60, 70, 80] })
      .toBuffer(),
  });
  for (const [name, parameters] of Object.entries(clips)) {
    const path = join(folder, name);
    const { exitCode } = await runFfmpeg(ffmpeg.path, ["-v", "error", "-y", ...parameters, path]);
    if (exitCode === 0) files.push({ name, bytes: await readFile(path) });
  }
  return files;
}

/** Pages of 24 × 16 pixels, one below the other. */
function gradient(pages: number): Sharp {
  const [width, height] = [24, 16];
  const rows = height * pages;
  const values = Buffer.from(Array.from({ length: width * rows * 3 }, (_, index) => (index * 7 + (index >> 5)) % 256));
  return sharp(values, { raw: { width, height: rows, channels: 3, pageHeight: height } });
}
