import { execFileSync } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { chooseEncoding } from "../../engine/media/choose-encoding.ts";
import { readClip } from "../../engine/media/clip-reader.ts";
import { readPicture } from "../../engine/media/picture-reader.ts";
import { probeMedia } from "../../engine/media/probe.ts";
import { enlargeClip } from "../../engine/pipeline/enlarge-clip.ts";
import type { Job } from "../../engine/pipeline/job.ts";
import { identityUpscaler } from "../contracts/identity-upscaler.ts";
import { allFrames, bannerOf, ffmpegCommand, programs, temporaryFolder } from "../media/media-files.ts";
import { makeClip } from "../system/media.ts";
import { type ClipJobs, clipJobs } from "./clip-job.ts";

const quiet = { onProgress: () => {}, onSegment: () => {} };
const fast: Readonly<Record<string, string>> = { h264: "ultrafast", hevc: "ultrafast", vp9: "8", av1: "8" };
/** Eleven frames in segments of five: the last one holds a single frame. */
const [FRAMES, SEGMENT] = [11, 5];

/** Every codec in every container, and how ffmpeg's banner calls it there. */
const combinations = [
  ["mp4", "h264", /Video: h264 .*avc1/],
  ["mp4", "hevc", /Video: hevc .*hvc1/],
  ["mp4", "vp9", /Video: vp9/],
  ["mp4", "av1", /Video: av1/],
  ["mov", "h264", /Video: h264 .*avc1/],
  ["mov", "hevc", /Video: hevc .*hvc1/],
  ["mov", "prores_422hq", /Video: prores .*apch.*yuv422p10le/],
  ["mov", "prores_4444", /Video: prores .*ap4h.*yuv444p1[02]le/],
  ["mkv", "h264", /Video: h264/],
  ["mkv", "hevc", /Video: hevc/],
  ["mkv", "vp9", /Video: vp9/],
  ["mkv", "av1", /Video: av1/],
  ["mkv", "prores_422hq", /Video: prores.*yuv422p10le/],
  ["mkv", "prores_4444", /Video: prores.*yuv444p1[02]le/],
  ["mkv", "ffv1", /Video: ffv1/],
  ["webm", "vp9", /Video: vp9/],
  ["webm", "av1", /Video: av1/],
] as const;

function wishFor(codec: string): Job["parameters"] {
  return { codec, ...(fast[codec] && { preset: fast[codec] }) };
}

const hasAv1 = (program: string) => /libsvtav1/.test(execFileSync(program, ["-hide_banner", "-encoders"]).toString());

/** libsvtav1 takes no sides under 64. */
const largeEnough = (folder: string) => makeClip(folder, "in.mp4", { frames: FRAMES, size: "64x64" });

describe.each(programs)("a clip's result with %s", (program) => {
  const file = temporaryFolder();
  let jobs: ClipJobs;
  beforeAll(async () => {
    jobs = await clipJobs(FRAMES, { program, folder: file("") });
  });

  it.each(combinations.filter(([, codec]) => codec !== "av1" || hasAv1(program)))(
    "may be %s with %s",
    async (format, codec, banner) => {
      const { jobIn, info } = jobs;
      const job = await jobIn(`${format}-${codec}`, { format, parameters: wishFor(codec), segmentFrames: SEGMENT });
      const result = await enlargeClip(job, info, { ...quiet, upscaler: identityUpscaler() });
      expect(result.frames).toBe(FRAMES);
      expect(bannerOf(job.partPath)).toMatch(banner);
      const made = await probeMedia(job.ffmpeg, job.partPath);
      expect(made).toMatchObject({ frames: FRAMES, width: 64, height: 48, hasSound: true });
    },
  );

  it("says what it can encode where it has no encoder for AV1", async () => {
    const { info, ffmpeg } = jobs;
    const encoders = new Set([...ffmpeg.encoders].filter((name) => !/av1|vp9/.test(name)));
    const choose = (container: "mp4" | "webm") =>
      chooseEncoding(info, { container, codec: "av1", encoders }, { width: 64, height: 48 });
    expect(() => choose("mp4")).toThrow(
      /no libsvtav1 or libaom-av1 or librav1e.*for mp4: h264, hevc; or set FFMPEG_PATH/,
    );
    expect(() => choose("webm")).toThrow(/Choose another output format/);
  });

  it.each(["libsvtav1", "libaom-av1", "librav1e"])("may be AV1 of %s", async (encoder) => {
    const { jobIn, info, ffmpeg } = await clipJobs(FRAMES, { program, source: largeEnough });
    if (!ffmpeg.encoders.has(encoder)) return expect(hasAv1(program)).toBe(false);
    const made: Buffer[] = [];
    for (const name of ["once", "again"]) {
      const job = await jobIn(`${encoder} ${name}`, {
        format: "mkv",
        parameters: wishFor("av1"),
        segmentFrames: SEGMENT,
      });
      const only = { ...ffmpeg, encoders: new Set([encoder]) };
      await enlargeClip({ ...job, ffmpeg: only }, info, { ...quiet, upscaler: identityUpscaler() });
      made.push(await readFile(job.partPath));
    }
    expect(Buffer.compare(made[0]!, made[1]!)).toBe(0);
  });

  it.each([
    ["8 bits", "format=rgb24", "rgb24"],
    ["16 bits", "format=yuv444p10le", "rgb48be"],
    ["transparency", "format=rgba,colorchannelmixer=aa=0.5", "rgba"],
  ])("may be a folder of pictures with %s, whose times are listed", async (name, filter, pixelFormat) => {
    const source = async (folder: string) => {
      const clip = ["-f", "lavfi", "-i", `testsrc2=s=32x16:r=30:d=${FRAMES / 30},${filter}`, "-f", "lavfi", "-i"];
      const times = ["-vf", "settb=1/9000,setpts='N*300+mod(N*N*37,250)'", "-vsync", "0", "-enc_time_base", "1:9000"];
      ffmpegCommand(...clip, "sine=d=0.3", ...times, "-c:v", "ffv1", join(folder, "in.mkv"));
      return join(folder, "in.mkv");
    };
    const { jobIn, info, ffmpeg } = await clipJobs(FRAMES, { program, source });
    const parameters = { codec: "png_sequence" };
    const job = await jobIn(name, { format: "png", parameters, segmentFrames: SEGMENT });
    const result = await enlargeClip(job, info, { ...quiet, upscaler: identityUpscaler() });
    expect(result.notes.join(" ")).toMatch(/folder of PNG.*left out: sound/);
    const names = (await readdir(job.partPath)).sort();
    expect(names).toHaveLength(FRAMES + 1);
    expect(names.slice(0, 2)).toEqual(["frame_000001.png", "frame_000002.png"]);
    expect(bannerOf(join(job.partPath, "frame_000011.png"))).toContain(`png, ${pixelFormat}`);
    const before = await allFrames(readClip(ffmpeg, job.inputPath, info));
    const [, ...times] = (await readFile(join(job.partPath, "timestamps.txt"), "utf8")).trim().split("\n");
    const { num, den } = info.timeBase;
    expect(times.map(Number)).toEqual(before.map(({ time }) => (Number(time - before[0]!.time) * num * 1000) / den));
    for (const [index, frame] of before.entries()) {
      const path = join(job.partPath, names[index]!);
      const picture = await probeMedia(ffmpeg, path);
      if (picture.kind !== "picture") return expect.fail(`${path} is no picture`);
      const [again] = (await readPicture(path, picture)).frames;
      expect(again?.depth).toBe(frame.depth);
      expect(Buffer.from(again!.rgb.buffer).equals(Buffer.from(frame.rgb.buffer)), `frame ${index}`).toBe(true);
      expect(again!.alpha).toEqual(frame.alpha);
    }
  });
});

describe("a wish for an encoding", () => {
  const file = temporaryFolder();
  let jobs: ClipJobs;
  beforeAll(async () => {
    jobs = await clipJobs(2, { folder: file("") });
  });
  const size = { width: 64, height: 48 };

  it.each([
    ["mp4", "ffv1", /mp4 takes h264, hevc, vp9, av1.*ending in \.mkv/],
    ["webm", "h264", /webm takes vp9, av1/],
    ["mov", "vp9", /mov takes .*ending in \.mp4 or \.mkv or \.webm/],
    ["mkv", "png_sequence", /a folder without an extension/],
  ] as const)("of %s with %s is refused, saying what is possible", async (container, codec, text) => {
    const { info } = jobs;
    expect(() => chooseEncoding(info, { container, codec }, size)).toThrow(text);
  });

  it.each([
    ["h264", "hurry", /ultrafast.*placebo.*libx264/],
    ["vp9", "9", /0, 1, 2, 3, 4, 5, 6, 7, 8 .*libvpx/],
    ["ffv1", "fast", /has none/],
  ] as const)("with preset %s %s is refused, naming those there are", async (codec, preset, text) => {
    const { info } = jobs;
    expect(() => chooseEncoding(info, { container: "mkv", codec, preset }, size)).toThrow(text);
  });

  it.each(["h264", "hevc", "vp9", "av1"] as const)("gives %s more bits for more quality", async (codec) => {
    const { info } = jobs;
    const numbers = [0, 50, undefined, 100].map(
      (quality) => chooseEncoding(info, { container: "mkv", codec, quality }, size).spec.quality ?? NaN,
    );
    expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
    expect(new Set(numbers).size).toBe(4);
  });
});
