import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import installer from "@ffmpeg-installer/ffmpeg";
import { afterAll, beforeAll } from "vitest";
import { type Ffmpeg, findFfmpeg } from "../../engine/media/ffmpeg.ts";
import type { ClipReader } from "../../engine/media/clip-reader.ts";
import type { Frame } from "../../engine/media/frame.ts";

/** The ffmpegs there are: the packaged one always, the system's where it has one, and those of TEST_FFMPEGS. */
export const programs: readonly string[] = [
  installer.path,
  ...(runs("ffmpeg") ? ["ffmpeg"] : []),
  ...(process.env["TEST_FFMPEGS"] ?? "").split(delimiter).filter(Boolean),
];

function runs(program: string): boolean {
  try {
    execFileSync(program, ["-version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export const found = (program: string): Promise<Ffmpeg> => findFfmpeg(program);

/** A folder for one test file, removed after it. */
export function temporaryFolder(): (name: string) => string {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "media-test-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** Runs the packaged ffmpeg to make or look at a file; its stdout. Independent of the code under test. */
export function ffmpegCommand(...parameters: readonly string[]): string {
  return ffmpegBytes(...parameters).toString("utf8");
}

/** The same, its stdout as bytes. */
export function ffmpegBytes(...parameters: readonly string[]): Buffer {
  const all = ["-nostdin", "-v", "error", "-y", ...parameters];
  return execFileSync(installer.path, all, { stdio: ["ignore", "pipe", "pipe"], maxBuffer: 2 ** 26 });
}

/** What that ffmpeg prints on opening a file. */
export function bannerOf(file: string): string {
  try {
    execFileSync(installer.path, ["-hide_banner", "-nostdin", "-i", file], { stdio: ["ignore", "ignore", "pipe"] });
    return "";
  } catch (error) {
    return String((error as { stderr: Buffer }).stderr);
  }
}

/** Presentation times in ticks of the video's frames, sorted, as decoding gives them. */
export function decodedTimes(file: string): { base: string; times: number[] } {
  const text = ffmpegCommand(
    "-copyts",
    "-i",
    file,
    "-map",
    "0:V:0",
    "-vsync",
    "0",
    "-enc_time_base",
    "-1",
    "-f",
    "framecrc",
    "-",
  );
  const times = text.split("\n").flatMap((line) => (/^\d/.test(line) ? [Number(line.split(",")[2])] : []));
  return { base: /^#tb 0: (\S+)/m.exec(text)?.[1] ?? "", times };
}

/** Checksums and sizes of the sound's packets, without their times. */
export function soundPackets(file: string): string[] {
  const text = ffmpegCommand("-i", file, "-map", "0:a:0", "-c", "copy", "-f", "framecrc", "-");
  return text.split("\n").flatMap((line) => (/^\d/.test(line) ? [line.split(",").slice(4, 6).join()] : []));
}

export async function allFrames(reader: ClipReader): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of reader) frames.push(frame);
  return frames;
}

/** A clip of moving bars with B-frames, sound, and times that are irregular ticks of 1/15360. */
export function irregularClip(file: string, frames = 40): void {
  const length = frames / 30;
  ffmpegCommand(
    ...["-f", "lavfi", "-i", `testsrc2=s=96x64:r=30:d=${length}`, "-f", "lavfi", "-i", `sine=d=${length}`],
    ...["-vf", "settb=1/15360,setpts='N*512+mod(N*N*37,400)'", "-vsync", "0", "-enc_time_base", "1:15360"],
    ...["-c:v", "libx264", "-bf", "3", "-pix_fmt", "yuv420p", "-video_track_timescale", "15360", "-c:a", "aac", file],
  );
}
