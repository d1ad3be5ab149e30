import { describe, expect, it } from "vitest";
import { chooseEncoding } from "../../engine/media/choose-encoding.ts";
import { type EncodeSpec, encoderParameters } from "../../engine/media/encoding.ts";
import { readClip } from "../../engine/media/clip-reader.ts";
import type { Frame } from "../../engine/media/frame.ts";
import { readHevcMessages } from "../../engine/media/hevc-messages.ts";
import { combing, interlacedClip } from "./interlaced.ts";
import { allFrames, bannerOf, ffmpegCommand, found, programs, temporaryFolder } from "./media-files.ts";
import { probeClip, throughIdentity } from "./round-trip.ts";

const bytesOf = (frame: Frame) => Buffer.from(frame.rgb.buffer).toString("base64");

const mastering = {
  ...{ red: [34000, 16000], green: [13250, 34500], blue: [7500, 3000], white: [15635, 16450] },
  luminance: { max: 10_000_000, min: 50 },
};
const masteringOptions = ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)";
const light = { max: 1000, average: 300 };

function hdrClip(path: string, transfer: string, more = ""): void {
  const tags = `colorprim=bt2020:transfer=${transfer}:colormatrix=bt2020nc:range=limited`;
  ffmpegCommand(
    ...["-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=0.12", "-pix_fmt", "yuv420p10le", "-c:v", "libx265"],
    ...["-x265-params", `log-level=error:${tags}${more}`, "-tag:v", "hvc1", path],
  );
}

describe.each(programs)("with %s", (program) => {
  const file = temporaryFolder();

  it.each([
    ["H.264 marks, top field first", "top", ["-c:v", "libx264", "-flags", "+ildct", "-x264-params", "tff=1"]],
    ["H.264 marks, bottom field first", "bottom", ["-c:v", "libx264", "-flags", "+ildct", "-x264-params", "bff=1"]],
    ["MPEG-2 marks", "top", ["-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-top", "1", "-q:v", "2"]],
    ["only pixels show, top field first", "top", ["-c:v", "ffv1"]],
    ["only pixels show, bottom field first", "bottom", ["-c:v", "ffv1"]],
  ] as const)("interlacing is seen, warned of, and undone on request: %s", async (_what, first, output) => {
    const ffmpeg = await found(program);
    const source = file("fields.mkv");
    interlacedClip(source, first, output);
    const info = await probeClip(ffmpeg, source);
    expect(info.fields).toBe(`${first} first`);
    const request = { container: "mp4" } as const;
    expect(chooseEncoding(info, request, info).notes.join()).toMatch(/interlaced.*as they are/);
    expect(chooseEncoding(info, { ...request, deinterlace: true }, info).notes.join()).toMatch(/made whole/);
    const combed = await allFrames(readClip(ffmpeg, source, info));
    const whole = await allFrames(readClip(ffmpeg, source, info, { deinterlace: true }));
    expect(whole.map((frame) => frame.time)).toEqual(combed.map((frame) => frame.time));
    const middle = Math.floor(combed.length / 2);
    expect(combing(combed[middle])).toBeGreaterThan(10);
    expect(combing(whole[middle])).toBeLessThan(1);
    const rest = await allFrames(readClip(ffmpeg, source, info, { deinterlace: true, fromFrame: 5, limit: 3 }));
    expect(rest.map(({ time }) => time)).toEqual(whole.slice(5, 8).map(({ time }) => time));
    expect(rest.map(bytesOf)).toEqual(whole.slice(5, 8).map(bytesOf));
  });

  it("progressive clips are not taken for interlaced, one frame long ones neither", async () => {
    const ffmpeg = await found(program);
    for (const [length, codec] of [
      ["0.8", "ffv1"],
      ["0.04", "ffv1"],
      ["0.4", "libx264"],
    ] as const) {
      ffmpegCommand("-f", "lavfi", "-i", `testsrc2=s=320x256:r=25:d=${length}`, "-c:v", codec, file("plain.mkv"));
      const info = await probeClip(ffmpeg, file("plain.mkv"));
      expect(info.fields).toBe("progressive");
      const asked = { container: "mp4", deinterlace: true } as const;
      expect(chooseEncoding(info, asked, info).notes.join()).toMatch(/does not look interlaced/);
      const frames = await allFrames(readClip(ffmpeg, file("plain.mkv"), info, { deinterlace: true }));
      expect(frames).toHaveLength(Math.round(Number(length) * 25));
    }
  });

  it.each([
    ["PQ", "smpte2084", `${masteringOptions}:max-cll=1000,300`],
    ["HLG", "arib-std-b67", ""],
  ])("HDR (%s) keeps tags, depth, mastering data and light levels", async (_name, transfer, more) => {
    const ffmpeg = await found(program);
    const source = file("hdr.mp4");
    hdrClip(source, transfer, more);
    const { info, spec, notes } = await throughIdentity(
      ffmpeg,
      { source, result: file("hdr.nut") },
      { container: "mp4" },
    );
    const colour = { matrix: "bt2020nc", primaries: "bt2020", transfer, range: "limited" };
    expect(info).toMatchObject({ depth: 16, colour });
    expect([info.mastering, info.light]).toEqual(more ? [mastering, light] : [undefined, undefined]);
    expect(notes.join()).toMatch(more ? /HDR.*mastering data and light levels are kept/ : /HDR.*the tags are kept/);
    expect(spec).toMatchObject({ codec: "hevc", pixelFormat: "yuv420p10le" });
    // The result says the same of itself.
    const result = await probeClip(ffmpeg, file("hdr.nut"));
    expect(result).toMatchObject({ depth: 16, colour: info.colour });
    expect([result.mastering, result.light]).toEqual([info.mastering, info.light]);
    expect(bannerOf(file("hdr.nut"))).toMatch(new RegExp(`yuv420p10le\\(tv, bt2020nc/bt2020/${transfer}`));
  });

  it("AV1 keeps mastering data and light levels where SVT-AV1 writes it", async ({ skip }) => {
    const ffmpeg = await found(program);
    if (!ffmpeg.encoders.has("libsvtav1")) skip();
    hdrClip(file("pq.mp4"), "smpte2084", `${masteringOptions}:max-cll=1000,300`);
    const files = { source: file("pq.mp4"), result: file("av1.nut") };
    const { notes } = await throughIdentity(ffmpeg, files, { container: "mp4", codec: "av1" });
    expect(notes.join()).toMatch(/HDR.*mastering data and light levels are kept/);
    // It keeps the darkest light in steps of a power of two.
    const luminance = { max: mastering.luminance.max, min: expect.closeTo(50, -0.5) as number };
    expect(await probeClip(ffmpeg, file("av1.nut"))).toMatchObject({ mastering: { ...mastering, luminance }, light });
  });

  it("chroma stays where UHD has it, if the codec can say so", async () => {
    const ffmpeg = await found(program);
    ffmpegCommand(
      ...["-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=0.08", "-pix_fmt", "yuv420p10le", "-c:v", "libx264"],
      ...["-x264-params", "chromaloc=2:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc", file("uhd.mkv")],
    );
    const info = await probeClip(ffmpeg, file("uhd.mkv"));
    expect(info.colour.chroma).toBe("topleft");
    const positions = (["mp4", "webm"] as const).map((container) => chooseEncoding(info, { container }, info).spec);
    expect(positions.map(({ colour }) => colour.chroma)).toEqual(["topleft", "left"]);
    expect(encoderParameters(positions[0] as EncodeSpec).join()).toMatch(/chromaloc=2/);
  });

  it("HDR into a codec that cannot hold mastering data is said", async () => {
    const ffmpeg = await found(program);
    hdrClip(file("pq.mp4"), "smpte2084", ":max-cll=1000,300");
    const info = await probeClip(ffmpeg, file("pq.mp4"));
    const { spec, notes } = chooseEncoding(info, { container: "webm" }, info);
    expect(spec.light).toBeUndefined();
    expect(notes.join()).toMatch(/mastering data is not/);
  });
});

describe("HEVC messages", () => {
  it("are read through escaped bytes, others passed over", () => {
    const unit = (...bytes: number[]) => Buffer.from([0, 0, 1, ...bytes]);
    // A message of another kind, then light levels of 256 and 0: two zeros in a row are followed by a 3.
    const sei = unit(39 << 1, 1, 5, 2, 9, 9, 144, 4, 1, 0, 0, 3, 0, 0x80);
    expect(readHevcMessages(Buffer.concat([unit(64, 1, 7), sei, unit(38, 1, 7)]))).toEqual({
      mastering: null,
      light: { max: 256, average: 0 },
    });
    expect(readHevcMessages(Buffer.from([1, 2, 3]))).toEqual({ mastering: null, light: null });
  });
});
