import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseEncoding } from "../../engine/media/choose-encoding.ts";
import { readClip } from "../../engine/media/clip-reader.ts";
import { openSegment } from "../../engine/media/clip-writer.ts";
import type { Container, EncodeSpec } from "../../engine/media/encoding.ts";
import type { Ffmpeg } from "../../engine/media/ffmpeg.ts";
import type { Frame } from "../../engine/media/frame.ts";
import { type Segment, joinSegments } from "../../engine/media/join.ts";
import type { ClipInfo } from "../../engine/media/media-info.ts";
import { probeMedia } from "../../engine/media/probe.ts";
import { countFrames } from "../../engine/media/verify.ts";
import {
  allFrames,
  bannerOf,
  decodedTimes,
  ffmpegCommand,
  found,
  irregularClip,
  programs,
  soundPackets,
  temporaryFolder,
} from "./media-files.ts";

async function probeClip(ffmpeg: Ffmpeg, path: string): Promise<ClipInfo> {
  const info = await probeMedia(ffmpeg, path);
  if (info.kind !== "clip") throw new TypeError(`${path} was taken for a picture`);
  return info;
}

async function writeSegments(
  ffmpeg: Ffmpeg,
  folder: string,
  work: { frames: readonly Frame[]; spec: EncodeSpec; size: number },
): Promise<Segment[]> {
  await mkdir(folder, { recursive: true });
  const segments: Segment[] = [];
  for (let start = 0; start < work.frames.length; start += work.size) {
    const part = work.frames.slice(start, start + work.size);
    const path = join(folder, `${start}.nut`);
    const writer = openSegment(ffmpeg, path, work.spec);
    for (const frame of part) await writer.write(frame);
    await writer.finish();
    segments.push({ path, firstTime: part[0]?.time ?? 0n });
  }
  return segments;
}

/** Reads a clip and writes it again in segments of 14 frames. */
async function remake(ffmpeg: Ffmpeg, source: string, output: string, container: Container) {
  const sourceInfo = await probeClip(ffmpeg, source);
  const frames = await allFrames(readClip(ffmpeg, source, sourceInfo));
  const { spec } = chooseEncoding(
    sourceInfo,
    { container, preset: container === "webm" ? "8" : "ultrafast" },
    sourceInfo,
  );
  const segments = await writeSegments(ffmpeg, `${output}.work`, { frames, spec, size: 14 });
  const joined = await joinSegments(ffmpeg, { segments, source, sourceInfo, output, container, spec });
  return { sourceInfo, frames, notes: joined.notes };
}

const fromZero = (times: readonly number[]) => times.map((time) => time - (times[0] ?? 0));

describe.each(programs)("clips with %s", (program) => {
  const file = temporaryFolder();

  /** The clip of 40 frames that the first test makes: probed once, and all its frames. */
  const irregular = async () => (read ??= readIrregular());
  let read: ReturnType<typeof readIrregular> | undefined;

  async function readIrregular() {
    const ffmpeg = await found(program);
    const source = file("irregular.mp4");
    const sourceInfo = await probeClip(ffmpeg, source);
    const frames = await allFrames(readClip(ffmpeg, source, sourceInfo));
    return { ffmpeg, source, sourceInfo, frames };
  }

  it("keeps every frame time of a clip with irregular times and B-frames through reading, writing and joining", async () => {
    const ffmpeg = await found(program);
    irregularClip(file("irregular.mp4"));
    const before = decodedTimes(file("irregular.mp4"));
    const { sourceInfo, frames } = await remake(ffmpeg, file("irregular.mp4"), file("out.mp4.part"), "mp4");
    expect(sourceInfo.timeBase).toEqual({ num: 1, den: 15360 });
    expect(frames.map((frame) => Number(frame.time))).toEqual(before.times);
    const after = decodedTimes(file("out.mp4.part"));
    expect(after.base).toBe("1/15360");
    expect(fromZero(after.times)).toEqual(fromZero(before.times));
    expect(await countFrames(ffmpeg, file("out.mp4.part"))).toMatchObject({ frames: 40, errors: [] });
  });

  it.each([
    [1, 7],
    [2, 1],
    [3, 2],
    [8, 7],
    [9, 7],
  ])("loses none of %i frames in segments of %i, however short the last one is", async (count, size) => {
    const { ffmpeg, source, sourceInfo, frames: all } = await irregular();
    const frames = all.slice(0, count);
    const { spec } = chooseEncoding(sourceInfo, { container: "mp4" }, sourceInfo);
    const segments = await writeSegments(ffmpeg, file(`${count} of ${size}`), { frames, spec, size });
    const output = file("short.mp4");
    await joinSegments(ffmpeg, { segments, source, sourceInfo, output, container: "mp4", spec });
    expect(fromZero(decodedTimes(output).times)).toEqual(fromZero(frames.map((frame) => Number(frame.time))));
  });

  it("refuses to join segments of different encodings, and damaged ones", async () => {
    const { ffmpeg, source, sourceInfo, frames: all } = await irregular();
    const frames = all.slice(0, 4);
    const { spec } = chooseEncoding(sourceInfo, { container: "mp4" }, sourceInfo);
    const [one] = await writeSegments(ffmpeg, file("medium"), { frames, spec, size: 4 });
    const fast = { ...spec, preset: "ultrafast" };
    const [other] = await writeSegments(ffmpeg, file("ultrafast"), { frames, spec: fast, size: 4 });
    const bytes = await readFile(one?.path ?? "");
    await writeFile(file("half.nut"), bytes.subarray(0, bytes.length / 2));
    const damaged = { path: file("half.nut"), firstTime: 9000n };
    for (const second of [{ ...(other as Segment), firstTime: 9000n }, damaged]) {
      const segments = [one as Segment, second];
      const joining = joinSegments(ffmpeg, { segments, source, sourceInfo, output: file("x"), container: "mp4", spec });
      await expect(joining).rejects.toMatchObject({ code: "internal", facts: { path: second.path } });
    }
  });

  it("copies sound to the byte", async () => {
    const sound = soundPackets(file("irregular.mp4"));
    expect(sound.length).toBeGreaterThan(30);
    expect(soundPackets(file("out.mp4.part"))).toEqual(sound);
  });

  it.each([
    ["the picture later than the sound", "mp4", "0", "0.5"],
    ["the sound later than the picture", "mov", "0.25", "0"],
    ["a file whose clock starts late", "ts", "1.5", "1.75"],
  ])("keeps sound and picture together: %s", async (name, extension, soundStart, pictureStart) => {
    const ffmpeg = await found(program);
    const source = file(`${name}.${extension}`);
    ffmpegCommand(
      ...["-itsoffset", pictureStart, "-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=1"],
      ...["-itsoffset", soundStart, "-f", "lavfi", "-i", "sine=d=1:r=48000"],
      ...["-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "mp2", "-copyts", source],
    );
    const output = file(`${name}.out.mp4`);
    await remake(ffmpeg, source, output, "mp4");
    expect(distance(output)).toBeCloseTo(distance(source), 3);
  });

  it("turns rotated clips upright and writes no rotation", async () => {
    const ffmpeg = await found(program);
    // Left half red, right half blue; shown turned clockwise: red above.
    ffmpegCommand(
      ...["-f", "lavfi", "-i", "color=red:s=32x32:d=0.2", "-f", "lavfi", "-i", "color=blue:s=32x32:d=0.2"],
      ...["-filter_complex", "hstack", "-c:v", "libx264", "-pix_fmt", "yuv420p", file("straight.mp4")],
    );
    const bytes = await readFile(file("straight.mp4"));
    // The matrix of a quarter turn clockwise, at its place in the track header.
    const matrix = Buffer.alloc(36);
    for (const [place, value] of [0, 65536, 0, -65536, 0, 0, 32 * 65536, 0, 2 ** 30].entries()) {
      matrix.writeInt32BE(value, place * 4);
    }
    matrix.copy(bytes, bytes.indexOf("tkhd") + 44);
    await writeFile(file("turned.mp4"), bytes);
    const { sourceInfo, frames } = await remake(ffmpeg, file("turned.mp4"), file("upright.mp4"), "mp4");
    expect([sourceInfo.width, sourceInfo.height, Math.abs(sourceInfo.rotation)]).toEqual([32, 64, 90]);
    const [red, , blue] = frames[0]?.rgb ?? [];
    expect(red).toBeGreaterThan(200);
    expect(blue).toBeLessThan(60);
    expect(bannerOf(file("upright.mp4"))).toMatch(/ 32x64/);
    expect(bannerOf(file("upright.mp4"))).not.toMatch(/rotat/i);
  });

  it.each([
    ["bt709", "yuv420p"],
    ["smpte170m", "yuv420p"],
    ["bt709", "yuv444p10le"],
  ])("reads and writes %s (%s) with the right numbers and tags", async (matrix, pixelFormat) => {
    const ffmpeg = await found(program);
    const source = file(`${matrix}-${pixelFormat}.mkv`);
    const zname = matrix === "bt709" ? "709" : "170m";
    const wide = pixelFormat.includes("10") ? "gbrp10le" : "gbrp";
    ffmpegCommand(
      ...["-f", "lavfi", "-i", "color=c=0xB45A3C:s=64x64:d=0.2,format=gbrp", "-vf"],
      `format=${wide},zscale=matrixin=gbr:rangein=full:matrix=${zname}:range=limited,format=${pixelFormat},` +
        `setparams=range=limited:color_primaries=${matrix}:color_trc=${matrix}:colorspace=${matrix}`,
      ...[
        "-color_primaries",
        matrix,
        "-color_trc",
        matrix,
        "-colorspace",
        matrix,
        "-c:v",
        "libx264",
        "-qp",
        "1",
        source,
      ],
    );
    const output = file(`${matrix}-${pixelFormat}.mp4`);
    const { sourceInfo, frames } = await remake(ffmpeg, source, output, "mp4");
    expect(sourceInfo.colour).toEqual({
      matrix,
      primaries: matrix,
      transfer: matrix,
      range: "limited",
      chroma: "left",
    });
    const top = sourceInfo.depth === 8 ? 1 : 257;
    expect(sourceInfo.depth).toBe(pixelFormat.includes("10") ? 16 : 8);
    for (const [channel, value] of [180, 90, 60].entries()) {
      expect(Math.abs((frames[0]?.rgb[channel] ?? 0) / top - value)).toBeLessThanOrEqual(2);
    }
    const again = await probeClip(ffmpeg, output);
    expect(bannerOf(output)).toMatch(new RegExp(`\\(tv, ${matrix}`));
    expect(again.colour).toEqual(sourceInfo.colour);
    const [frame] = await allFrames(readClip(ffmpeg, output, again, { limit: 1 }));
    for (const [channel, value] of [180, 90, 60].entries()) {
      expect(Math.abs((frame?.rgb[channel] ?? 0) / top - value)).toBeLessThanOrEqual(3);
    }
  });

  it("takes untagged clips for BT.709 from 1280 across or over 576 lines, else for BT.601", async () => {
    const ffmpeg = await found(program);
    for (const [size, matrix] of [
      ["640x360", "smpte170m"],
      ["1280x544", "bt709"],
      ["400x578", "bt709"],
    ] as const) {
      ffmpegCommand(
        "-f",
        "lavfi",
        "-i",
        `color=s=${size}:d=0.1`,
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        file("un.mp4"),
      );
      expect((await probeClip(ffmpeg, file("un.mp4"))).colour).toMatchObject({ matrix, range: "limited" });
    }
  });

  it("reads the frames from one on, and so many, as whole reading gives them", async () => {
    const ffmpeg = await found(program);
    const { sourceInfo: info, frames: whole } = await irregular();
    const part = await allFrames(readClip(ffmpeg, file("irregular.mp4"), info, { fromFrame: 11, limit: 5 }));
    expect(part.map(fingerprint)).toEqual(whole.slice(11, 16).map(fingerprint));
    expect(await allFrames(readClip(ffmpeg, file("irregular.mp4"), info, { fromFrame: 40 }))).toEqual([]);
  });

  it("gives what can be read of a damaged clip, with warnings", async () => {
    const ffmpeg = await found(program);
    ffmpegCommand(
      "-f",
      "lavfi",
      "-i",
      "testsrc2=s=96x64:d=2",
      "-c:v",
      "libx264",
      "-g",
      "10",
      "-f",
      "mpegts",
      file("whole.ts"),
    );
    const bytes = await readFile(file("whole.ts"));
    bytes.fill(0xff, bytes.length / 2, bytes.length / 2 + 4000);
    await writeFile(file("damaged.ts"), bytes);
    const info = await probeClip(ffmpeg, file("damaged.ts"));
    const reader = readClip(ffmpeg, file("damaged.ts"), info);
    const frames = await allFrames(reader);
    expect(frames.length).toBeGreaterThan(20);
    expect(reader.framesRead).toBe(frames.length);
    expect(reader.warnings.length).toBeGreaterThan(0);
  });

  it("reads no further than its consumer, and ends ffmpeg when left", async () => {
    const ffmpeg = await found(program);
    ffmpegCommand(
      "-f",
      "lavfi",
      "-i",
      "color=s=1280x720:d=20",
      "-c:v",
      "libx264",
      "-preset",
      "ultrafast",
      file("long.mp4"),
    );
    const info = await probeClip(ffmpeg, file("long.mp4"));
    const before = process.memoryUsage().arrayBuffers;
    const reader = readClip(ffmpeg, file("long.mp4"), info);
    for await (const frame of reader) {
      expect(frame.width).toBe(1280);
      if (reader.framesRead === 3) break;
    }
    // 500 frames of 2.8 MB there are; a handful may be held.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60e6);
    await reader.close();
    expect(reader.framesRead).toBe(3);
  });

  it("reports cancelling", async () => {
    const ffmpeg = await found(program);
    const info = await probeClip(ffmpeg, file("long.mp4"));
    const cancelling = new AbortController();
    const reader = readClip(ffmpeg, file("long.mp4"), info, { signal: cancelling.signal });
    const reading = (async () => {
      for await (const frame of reader) if (frame.time >= 0n) cancelling.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: "cancelled" });
  });

  it("removes a segment that is aborted, and says why one cannot be written", async () => {
    const ffmpeg = await found(program);
    const {
      sourceInfo: info,
      frames: [frame],
    } = await irregular();
    const { spec } = chooseEncoding(info, { container: "mp4" }, info);
    const writer = openSegment(ffmpeg, file("aborted.nut"), spec);
    await writer.write(frame as Frame);
    await writer.abort();
    await expect(stat(file("aborted.nut"))).rejects.toMatchObject({ code: "ENOENT" });
    const homeless = openSegment(ffmpeg, file("no such folder/x.nut"), spec);
    const writing = homeless.write(frame as Frame).then(() => homeless.finish());
    await expect(writing).rejects.toMatchObject({ code: "not_writable" });
  });

  it("gives the same bytes for the same frames and spec", async () => {
    const ffmpeg = await found(program);
    const { sourceInfo: info, frames } = await irregular();
    const { spec } = chooseEncoding(info, { container: "mp4" }, info);
    const copy = JSON.parse(JSON.stringify(spec)) as EncodeSpec;
    const [one] = await writeSegments(ffmpeg, file("one"), { frames, spec, size: 40 });
    const [two] = await writeSegments(ffmpeg, file("two"), { frames, spec: copy, size: 40 });
    expect(Buffer.compare(await readFile(one?.path ?? ""), await readFile(two?.path ?? ""))).toBe(0);
  });

  it("carries subtitles, chapters, titles and attachments into MKV, and says what MP4 and WebM cannot hold", async () => {
    const ffmpeg = await found(program);
    await writeFile(file("a.srt"), "1\n00:00:00,100 --> 00:00:00,900\nHello\n");
    await writeFile(
      file("a.meta"),
      ";FFMETADATA1\ntitle=A day\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=Dawn\n",
    );
    ffmpegCommand(
      ...["-f", "lavfi", "-i", "testsrc2=s=64x64:d=1", "-f", "lavfi", "-i", "sine=d=1", "-i", file("a.srt")],
      ...["-i", file("a.meta"), "-map", "0", "-map", "1", "-map", "2", "-map_metadata", "3", "-map_chapters", "3"],
      ...["-metadata:s:a:0", "language=fra", "-attach", file("a.srt"), "-metadata:s:t", "mimetype=text/plain"],
      ...["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", "-c:s", "srt", file("rich.mkv")],
    );
    const mkv = await remake(ffmpeg, file("rich.mkv"), file("rich.out.mkv"), "mkv");
    expect(mkv.notes).toEqual([]);
    const banner = bannerOf(file("rich.out.mkv"));
    for (const part of [
      /Audio: pcm_s16le/,
      /\(fra\)/,
      /Subtitle: subrip/,
      /Attachment/,
      /Chapter #0/,
      /Dawn/,
      /A day/,
    ]) {
      expect(banner).toMatch(part);
    }
    const mp4 = await remake(ffmpeg, file("rich.mkv"), file("rich.out.mp4"), "mp4");
    expect(mp4.notes.join()).toMatch(/pcm_s16le to aac.*subrip to mov_text.*attachment/);
    expect(bannerOf(file("rich.out.mp4"))).toMatch(/Subtitle: mov_text/);
    const webm = await remake(ffmpeg, file("rich.mkv"), file("rich.out.webm"), "webm");
    expect(webm.notes.join()).toMatch(/libopus.*webvtt/);
    expect(bannerOf(file("rich.out.webm"))).toMatch(/Video: vp9/);
  });

  it.each(["prores_422hq", "prores_4444", "ffv1", "hevc", "vp9"] as const)(
    "writes %s that joins and decodes",
    async (codec) => {
      const { ffmpeg, source, sourceInfo, frames: all } = await irregular();
      const deep = () => allFrames(readClip(ffmpeg, source, sourceInfo, { limit: 10, depth: 16 }));
      const frames = codec === "ffv1" ? await deep() : all.slice(0, 10);
      const container = codec.startsWith("prores") ? "mov" : "mkv";
      const { spec } = chooseEncoding(sourceInfo, { container, codec }, sourceInfo);
      const segments = await writeSegments(ffmpeg, file(codec), { frames, spec, size: 6 });
      const output = file(`${codec}.${container}`);
      const until = frames.at(-1)?.time ?? 0n;
      await joinSegments(ffmpeg, { segments, source, sourceInfo, output, container, spec, until });
      expect(await countFrames(ffmpeg, output)).toMatchObject({ frames: 10, errors: [] });
      if (container === "mov") expect(bannerOf(output)).toMatch(/\(.*smpte170m.*\)/);
      if (codec === "ffv1") {
        const again = await allFrames(readClip(ffmpeg, output, await probeClip(ffmpeg, output)));
        expect(again.map(fingerprint)).toEqual(frames.map(fingerprint));
      }
    },
  );

  it("keeps a clip's alpha in ProRes 4444 and flattens it on black elsewhere", async () => {
    const ffmpeg = await found(program);
    const source = file("alpha.mov");
    ffmpegCommand(
      ...["-f", "lavfi", "-i", "color=c=white@0.5:s=32x32:d=0.2,format=rgba", "-c:v", "prores_ks"],
      ...["-profile:v", "4", "-pix_fmt", "yuva444p10le", source],
    );
    const info = await probeClip(ffmpeg, source);
    const [frame] = await allFrames(readClip(ffmpeg, source, info, { limit: 1 }));
    expect(info).toMatchObject({ alpha: true, depth: 16 });
    expect((frame?.alpha?.[0] ?? 0) / 65535).toBeCloseTo(0.5, 1);
    const kept = chooseEncoding(info, { container: "mov", codec: "prores_4444" }, info);
    expect(kept.spec.pixelFormat).toBe("yuva444p10le");
    const [segment] = await writeSegments(ffmpeg, file("alpha"), {
      frames: [frame as Frame],
      spec: kept.spec,
      size: 1,
    });
    expect(await probeClip(ffmpeg, segment?.path ?? "")).toMatchObject({ alpha: true });
    const flat = chooseEncoding(info, { container: "mp4", codec: "h264" }, info);
    expect(flat.notes.join()).toMatch(/prores_4444/);
    const [black] = await writeSegments(ffmpeg, file("flat"), { frames: [frame as Frame], spec: flat.spec, size: 1 });
    const flatInfo = await probeClip(ffmpeg, black?.path ?? "");
    const [shown] = await allFrames(readClip(ffmpeg, black?.path ?? "", flatInfo));
    expect((shown?.rgb[0] ?? 0) / 255).toBeCloseTo(0.5, 1);
  });

  it.each([
    "with space.mp4",
    'it\'s "quoted".mp4',
    "line\nend.mp4",
    "100%d.mp4",
    "%03d.png",
    "日本 é.mp4",
    "a[1]",
    "-i.mp4",
  ])("takes the name %j literally", async (name) => {
    const ffmpeg = await found(program);
    await copyFile(file("irregular.mp4"), file(name));
    const output = file(`${name}.out`);
    const sourceInfo = await probeClip(ffmpeg, file(name));
    const frames = await allFrames(readClip(ffmpeg, file(name), sourceInfo, { limit: 2 }));
    const { spec } = chooseEncoding(sourceInfo, { container: "mp4" }, sourceInfo);
    const folder = file(`work ${name.replace("\n", "")}`);
    const segments = await writeSegments(ffmpeg, folder, { frames, spec, size: 2 });
    await joinSegments(ffmpeg, { segments, source: file(name), sourceInfo, output, container: "mp4", spec });
    expect((await countFrames(ffmpeg, output)).frames).toBe(2);
  });
});

/** Stands for a frame's pixels, because comparing them as lists takes minutes when they differ. */
const fingerprint = (frame: Frame) => createHash("sha256").update(frame.rgb).digest("hex");

/** Seconds from the first sound to the first frame. */
function distance(path: string): number {
  const first = (stream: string) => {
    const fine = stream === "0:v:0" ? ["-vsync", "0", "-enc_time_base", "1:90000"] : [];
    const text = ffmpegCommand("-copyts", "-i", path, "-map", stream, ...fine, "-f", "framecrc", "-");
    const [num, den] = (/^#tb 0: (\d+)\/(\d+)/m.exec(text) ?? []).slice(1).map(Number);
    const line = text.split("\n").find((candidate) => /^\d/.test(candidate)) ?? "";
    return (Number(line.split(",")[2]) * (num ?? 1)) / (den ?? 1);
  };
  return first("0:v:0") - first("0:a:0");
}
