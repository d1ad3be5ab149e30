import assert from "node:assert";
import { join } from "node:path";
import { findFfmpeg } from "../engine/media/ffmpeg.ts";
import { runFfmpeg } from "../engine/media/ffmpeg-process.ts";

const FRAME_RATE = 25;

/** Makes a clip of ffmpeg's moving test picture with a tone, 25 frames a second; its path in the folder. */
export async function makeTestClip(folder: string, clip: { size: string; frames: number }): Promise<string> {
  const path = join(folder, `clip-${clip.size}-${clip.frames}.mp4`);
  const { path: ffmpeg } = await findFfmpeg(null);
  const seconds = clip.frames / FRAME_RATE;
  const result = await runFfmpeg(ffmpeg, [
    ...["-v", "error", "-f", "lavfi", "-i", `testsrc2=size=${clip.size}:rate=${FRAME_RATE}:duration=${seconds}`],
    ...["-f", "lavfi", "-i", `sine=frequency=440:duration=${seconds}`],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", path],
  ]);
  assert.equal(result.exitCode, 0, result.stderr);
  return path;
}

/** The first picture of ffmpeg's moving test picture as a PNG; its path in the folder. */
export async function makeTestPicture(folder: string, size: string): Promise<string> {
  const path = join(folder, `picture-${size}.png`);
  const { path: ffmpeg } = await findFfmpeg(null);
  const source = ["-y", "-v", "error", "-f", "lavfi", "-i", `testsrc2=size=${size}`];
  const result = await runFfmpeg(ffmpeg, [...source, "-frames:v", "1", path]);
  assert.equal(result.exitCode, 0, result.stderr);
  return path;
}
