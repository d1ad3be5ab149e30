import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { besideClips } from "./beside-clips.ts";
import { ffmpegBytes, ffmpegCommand } from "./media-files.ts";

/** How a clip is made: what the packaged ffmpeg gets before the name of the file, and what is done to its bytes then. */
export interface Recipe {
  readonly extension: string;
  readonly parameters: readonly string[];
  readonly alter?: (bytes: Buffer) => Buffer;
  /** Seconds from the first frame to each, where they are not those that ffmpeg's own decoding gives. */
  readonly times?: readonly number[];
}

const moving = (seconds: number, rate = 25) => ["-f", "lavfi", "-i", `testsrc2=s=64x48:r=${rate}:d=${seconds}`];
const larger = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.4"];
const tone = (seconds: number) => ["-f", "lavfi", "-i", `sine=d=${seconds}:r=48000`];
const h264 = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "12", "-pix_fmt", "yuv420p"];
const own = (base: string) => ["-vsync", "0", "-enc_time_base", base];
/** Times of frames by an expression of their number N, in ticks of 1/`base`. */
const at = (base: number, ticks: string) => ["-vf", `settb=1/${base},setpts='${ticks}'`, ...own(`1:${base}`)];
const timescale = (base: number) => ["-video_track_timescale", String(base)];

/** Where the last box or element of a name begins. */
const place = (bytes: Buffer, name: string) => {
  const index = bytes.lastIndexOf(name);
  if (index < 0) throw new TypeError(`there is no ${name}`);
  return index;
};

/** Overwrites bytes at a distance from a box's name. */
const patched = (name: string, distance: number, value: Buffer) => (bytes: Buffer) => {
  value.copy(bytes, place(bytes, name) + distance);
  return bytes;
};

const int32 = (...values: readonly number[]) => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeInt32BE(value, index * 4);
  return bytes;
};

/** Times of frames at an even rate, in seconds. */
export const evenly = (count: number, rate: number) => Array.from({ length: count }, (_, index) => index / rate);

/** The same clip once more behind itself: its clock jumps back in the middle. */
const twice = (bytes: Buffer) => Buffer.concat([bytes, bytes]);

/** Clips whose times are not what a simple reader expects; every frame's time is to be kept. */
export const clipsOfTimes: Readonly<Record<string, Recipe>> = {
  "times that change": {
    extension: "mp4",
    parameters: [...moving(1), ...at(15360, "N*614+mod(N*N*37,400)"), ...h264, ...timescale(15360)],
  },
  "a gap of an hour": {
    extension: "mp4",
    parameters: [...moving(1), ...at(15360, "N*614+gte(N\\,12)*55296000"), ...h264, ...timescale(15360)],
  },
  "a last frame after a gap": {
    extension: "mkv",
    parameters: [...moving(0.4), ...at(1000, "N*40+gte(N\\,9)*600"), ...h264],
  },
  "more frames than milliseconds": {
    extension: "mkv",
    parameters: [...moving(0.03, 1500), ...h264],
  },
  "the same time again and again": {
    extension: "mkv",
    parameters: [...moving(1), ...at(1000, "floor(N/3)*120"), ...h264, "-bf", "0"],
  },
  "a clock that starts late": {
    extension: "mkv",
    parameters: [
      "-itsoffset",
      "7.5",
      ...moving(1),
      "-itsoffset",
      "7.25",
      ...tone(1),
      ...h264,
      "-c:a",
      "flac",
      "-copyts",
    ],
  },
  "a clock that starts below zero": {
    extension: "nut",
    parameters: [...["-itsoffset", "-0.5"], ...moving(1), ...h264, "-copyts", "-avoid_negative_ts", "disabled"],
  },
  "an edit list that begins within a group": {
    extension: "mp4",
    parameters: [...moving(2), ...h264, ...timescale(12800)],
    // The edit: for 1 s from 0.6 s in, which no key frame begins.
    alter: patched("elst", 12, int32(1000, Math.round(0.6 * 12800))),
  },
  "an edit list that begins empty": {
    extension: "mp4",
    parameters: ["-itsoffset", "0.5", ...moving(1), ...tone(1), ...h264, "-c:a", "aac", "-vsync", "0"],
  },
  "an MPEG-TS with B-frames": { extension: "ts", parameters: [...moving(1), ...tone(1), ...h264, "-c:a", "mp2"] },
  "an MPEG-TS whose clock wraps": {
    extension: "ts",
    parameters: [
      ...["-itsoffset", "95443.2", ...moving(1), "-itsoffset", "95443.2", ...tone(1)],
      ...[...h264, "-c:a", "mp2", "-copyts", "-muxdelay", "0"],
    ],
  },
  "two MPEG-TS in one file": {
    extension: "ts",
    parameters: [...moving(1), ...tone(1), ...h264, "-c:a", "mp2"],
    alter: twice,
    times: evenly(50, 25),
  },
  "an MPEG-PS": {
    extension: "mpg",
    parameters: [...moving(1), ...tone(1), "-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2"],
  },
  "an AVI with B-frames": { extension: "avi", parameters: [...moving(1), "-c:v", "mpeg4", "-bf", "2", "-g", "12"] },
  "an AVI of H.264": { extension: "avi", parameters: [...moving(1), ...tone(1), ...h264, "-c:a", "mp3"] },
  "an AVI of 29.97 frames": {
    extension: "avi",
    parameters: [...moving(1, 30000 / 1001), "-c:v", "mjpeg", "-q:v", "3"],
  },
  "an FLV": { extension: "flv", parameters: [...moving(1), ...tone(1), ...h264, "-c:a", "mp3", "-ar", "44100"] },
  "a WebM": {
    extension: "webm",
    parameters: [...moving(0.6, 30), "-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime"],
  },
  "an Ogg of Theora": { extension: "ogg", parameters: [...moving(1), "-c:v", "libtheora", "-vsync", "0"] },
  "an ASF": { extension: "wmv", parameters: [...moving(1), ...tone(1), "-c:v", "wmv2", "-c:a", "wmav2"] },
  "an MXF": {
    extension: "mxf",
    parameters: [...moving(1), ...tone(1), "-c:v", "mpeg2video", "-c:a", "pcm_s16le", "-ar", "48000"],
  },
  "bare H.264": { extension: "264", parameters: [...moving(1), ...h264, "-f", "h264"] },
  "bare pictures of Y4M": { extension: "y4m", parameters: [...moving(0.4), "-pix_fmt", "yuv420p"] },
  "an APNG": { extension: "png", parameters: [...moving(0.4), "-c:v", "apng", "-f", "apng"] },
  "one frame": { extension: "mp4", parameters: [...moving(0.04), ...h264] },
  "a header that lies about its length": {
    extension: "mp4",
    parameters: [...moving(1), ...h264],
    alter: patched("mvhd", 20, int32(3_600_000)),
  },
};

/** Ten frames over 0.4 s, the last of which is shown for two seconds. */
export const lingeringClip: Recipe = {
  extension: "mp4",
  parameters: [...moving(0.4), ...at(15360, "N*614+gte(N\\,9)*618"), ...h264, "-bf", "0", ...timescale(15360)],
  alter: (bytes) => {
    const list = place(bytes, "stts");
    const last = list + 12 + (bytes.readUInt32BE(list + 8) - 1) * 8;
    bytes.writeUInt32BE(2 * 15_360, last + 4);
    patched("mdhd", 20, int32(2.4 * 15_360))(bytes);
    for (const [name, distance] of [
      ["mvhd", 20],
      ["tkhd", 24],
      ["elst", 12],
    ] as const) {
      patched(name, distance, int32(2400))(bytes);
    }
    return bytes;
  },
};

const cut = (part: number) => (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length * part));
const overwritten = (bytes: Buffer) => bytes.fill(0xff, bytes.length * 0.5, bytes.length * 0.5 + 2000);

/** Clips that end too early or are broken in the middle: what can be read is to be had, with a warning. */
export const damagedClips: Readonly<Record<string, Recipe>> = {
  "an MP4 cut off": {
    extension: "mp4",
    parameters: [...moving(2), ...h264, "-movflags", "+faststart"],
    alter: cut(0.7),
  },
  "a Matroska cut off": { extension: "mkv", parameters: [...moving(2), ...h264], alter: cut(0.7) },
  "an AVI cut off": { extension: "avi", parameters: [...moving(2), ...h264], alter: cut(0.7) },
  "an FLV cut off": { extension: "flv", parameters: [...moving(2), ...h264], alter: cut(0.7) },

  "an MPEG-TS with a hole": { extension: "ts", parameters: [...moving(2), ...h264], alter: overwritten },
  "an MP4 with a hole": { extension: "mp4", parameters: [...moving(2), ...h264], alter: overwritten },
  "a Matroska with a hole": { extension: "mkv", parameters: [...moving(2), ...h264], alter: overwritten },
};

/** Two MPEG-TS one behind the other, the second of `parameters`. */
const behind =
  (...parameters: readonly string[]) =>
  (bytes: Buffer) =>
    Buffer.concat([bytes, ffmpegBytes(...parameters, "-f", "mpegts", "pipe:1")]);

/** Clips that change in the middle. */
export const changingClips: Readonly<Record<string, Recipe>> = {
  size: { extension: "ts", parameters: [...moving(0.4), ...h264], alter: behind(...larger, ...h264) },
  "pixel format": {
    extension: "ts",
    parameters: [...moving(0.4), ...h264],
    alter: behind(...moving(0.4), ...h264, "-pix_fmt", "yuv444p"),
  },
};

const maps = (...streams: readonly string[]) => streams.flatMap((stream) => ["-map", stream]);
const still = ["-f", "lavfi", "-i", "testsrc2=s=20x20:d=0.04"];

/** Clips that hold more than a picture and its sound. */
export const clipsOfStreams: Readonly<Record<string, Recipe>> = {
  "all that Matroska takes": {
    extension: "mkv",
    parameters: [
      ...[...moving(1), ...tone(1), ...tone(1), "-i", "@a.srt", "-i", "@a.ass", "-f", "sup", "-i", "@a.sup"],
      ...["-i", "@a.meta", ...maps("0", "1", "2", "3", "4", "5"), "-map_metadata", "6", "-map_chapters", "6"],
      ...["-metadata:s:v:0", "title=Main", "-metadata:s:a:0", "language=eng", "-metadata:s:a:0", "title=Comment"],
      ...["-metadata:s:a:1", "language=fra", "-disposition:a:0", "0", "-disposition:a:1", "default"],
      ...["-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=jpn", "-disposition:s:1", "forced"],
      ...["-attach", "@a.ass", "-metadata:s:t:0", "mimetype=application/x-truetype-font"],
      ...["-metadata:s:t:0", "filename=font.ttf"],
      ...["-attach", "@cover.jpg", "-metadata:s:t:1", "mimetype=image/jpeg", "-metadata:s:t:1", "filename=cover.jpg"],
      ...[...h264, "-c:a:0", "aac", "-c:a:1", "flac", "-c:s", "copy"],
    ],
  },
  "MP4 with a cover": {
    extension: "mp4",
    parameters: [
      ...[...moving(1), ...tone(1), "-i", "@cover.jpg", ...maps("0", "1", "2"), ...h264, "-c:v:1", "copy"],
      ...["-disposition:v:1", "attached_pic", "-metadata", "title=A day"],
    ],
  },
  "Matroska with a cover that MP4 has not": {
    extension: "mkv",
    parameters: [
      ...[...moving(1), ...tone(1), "-i", "@a.srt", ...maps("0", "1", "2"), ...h264, "-c:a", "aac", "-c:s", "copy"],
      ...["-attach", "@cover.gif", "-metadata:s:t:0", "mimetype=image/gif", "-metadata:s:t:0", "filename=cover.gif"],
    ],
  },
  "QuickTime with a time code": {
    extension: "mov",
    parameters: [...moving(1), ...tone(1), ...h264, "-c:a", "pcm_s16le", "-timecode", "01:02:03:04"],
  },
  "a phone's QuickTime": {
    extension: "mov",
    parameters: [
      ...[...moving(1), ...h264, "-movflags", "use_metadata_tags", "-metadata", "com.apple.quicktime.make=Acme"],
      ...["-metadata", "com.apple.quicktime.location.ISO6709=+48.1+011.5/"],
    ],
  },
  "subtitles on a clock that starts late": {
    extension: "mkv",
    parameters: [
      ...["-itsoffset", "7.5", ...moving(1), "-itsoffset", "7.25", ...tone(1), "-itsoffset", "7.5", "-i", "@a.srt"],
      ...[...maps("0", "1", "2"), ...h264, "-c:a", "flac", "-c:s", "copy", "-copyts"],
    ],
  },
  "MPEG-TS with data": {
    extension: "ts",
    parameters: [...moving(1), "-f", "data", "-i", "@a.srt", ...maps("0:v", "1"), ...h264, "-c:d", "copy"],
  },
};

/** Makes a clip of the index at `path`. */
export async function makeAwkwardClip({ parameters, alter }: Recipe, path: string): Promise<string> {
  const folder = dirname(path);
  for (const [name, bytes] of Object.entries(besideClips)) await writeFile(join(folder, name), bytes());
  for (const cover of ["cover.jpg", "cover.gif"]) ffmpegCommand(...still, "-frames:v", "1", join(folder, cover));
  ffmpegCommand(...parameters.map((each) => (each.startsWith("@") ? join(folder, each.slice(1)) : each)), path);
  if (alter) await writeFile(path, alter(await readFile(path)));
  return path;
}
