import { join } from "node:path";
import installer from "@ffmpeg-installer/ffmpeg";
import sharp from "sharp";
import { runFfmpeg } from "../../engine/media/ffmpeg-process.ts";

/** A small clip with sound in the folder: frames at 25 a second. */
export async function makeClip(
  folder: string,
  name: string,
  options: { frames?: number; size?: string } = {},
): Promise<string> {
  const { frames = 25, size = "64x48" } = options;
  const path = join(folder, name);
  const seconds = frames / 25;
  const video = ["-f", "lavfi", "-i", `testsrc2=size=${size}:rate=25:duration=${seconds}`];
  const sound = ["-f", "lavfi", "-i", `sine=frequency=440:duration=${seconds}`];
  const encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-y", path];
  const result = await runFfmpeg(installer.path, [...video, ...sound, ...encode]);
  if (result.exitCode !== 0) throw new Error(`making ${name} failed`);
  return path;
}

/** A small picture in the folder: soft colour runs with a sharp disc. */
export async function makePicture(folder: string, name: string, width = 40, height = 30): Promise<string> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = Math.hypot(x - width / 2, y - height / 2) < Math.min(width, height) / 3;
      pixels.set(inside ? [250, 240, 60] : [(x * 255) / width, (y * 255) / height, 128], (y * width + x) * 3);
    }
  }
  const path = join(folder, name);
  await sharp(pixels, { raw: { width, height, channels: 3 } }).toFile(path);
  return path;
}
