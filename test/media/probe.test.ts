import { mkdir, open, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { findFfmpeg } from "../../engine/media/ffmpeg.ts";
import { parseBanner } from "../../engine/media/banner.ts";
import { pixelFormatOf } from "../../engine/media/pixel-format.ts";
import { probeMedia } from "../../engine/media/probe.ts";
import { ffmpegCommand, found, programs, temporaryFolder } from "./media-files.ts";

const isoFile = (brand: string) =>
  Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from(`ftyp${brand}`), Buffer.alloc(99)]);
const text = (value: string) => Buffer.from(value);

describe.each(programs)("probing with %s", (program) => {
  const file = temporaryFolder();

  it.each([
    ["empty.mp4", Buffer.alloc(0), /empty/],
    ["text.mp4", text("Dear diary,\n"), /text/],
    ["text.png", text("no picture"), /text/],
    ["photo.jpg", isoFile("heic"), /HEIC/],
    ["photo.heic", isoFile("mif1"), /HEIC/],
    ["photo.jxl", Buffer.from([0xff, 0x0a, 1, 2, 3]), /JPEG XL/],
    ["drawing.png", text('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), /SVG/],
    ["list.mp4", text("#EXTM3U\nhttp://localhost/x.ts\n"), /m3u8/],
    ["list.mpd.mp4", text('<?xml version="1.0"?><MPD></MPD>'), /DASH/],
    ["list.avi", text("ffconcat version 1.0\nfile /etc/passwd\n"), /concat/],
    ["list.mov", text("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n"), /SDP/],
    [
      "noise.mp4",
      Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * index * 31 + 7) % 256)),
      /no picture or clip/,
    ],
    ["cut.mkv", Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0, 0, 0, 0]), /no picture or clip/],
  ])("refuses %s by what it is", async (name, bytes, why) => {
    await writeFile(file(name), bytes);
    const probing = probeMedia(await found(program), file(name));
    await expect(probing).rejects.toMatchObject({
      code: "unreadable_media",
      why: expect.stringMatching(why) as string,
    });
  });

  it("refuses a folder, and a file that is not there", async () => {
    await mkdir(file("folder.mp4"), { recursive: true });
    const ffmpeg = await found(program);
    await expect(probeMedia(ffmpeg, file("folder.mp4"))).rejects.toMatchObject({
      code: "unreadable_media",
      why: "It is a folder.",
    });
    await expect(probeMedia(ffmpeg, file("none.mp4"))).rejects.toMatchObject({ code: "not_found" });
  });

  it("refuses sound alone, and a clip cut off before its first frame", async () => {
    const ffmpeg = await found(program);
    ffmpegCommand("-f", "lavfi", "-i", "sine=d=0.2", file("sound.wav"));
    await expect(probeMedia(ffmpeg, file("sound.wav"))).rejects.toMatchObject({ code: "unreadable_media" });
    ffmpegCommand("-f", "lavfi", "-i", "sine=d=0.2", file("sound.mp4"));
    const sound = probeMedia(ffmpeg, file("sound.mp4"));
    await expect(sound).rejects.toMatchObject({
      code: "unreadable_media",
      why: expect.stringMatching(/sound/) as string,
    });
    const clip = ["-f", "lavfi", "-i", "testsrc2=s=640x360:d=0.2", "-c:v", "libx264", "-qp", "1"];
    ffmpegCommand(...clip, "-movflags", "+faststart", file("cut.mp4"));
    const handle = await open(file("cut.mp4"), "r+");
    await handle.truncate(2500);
    await handle.close();
    await expect(probeMedia(ffmpeg, file("cut.mp4"))).rejects.toMatchObject({ code: "unreadable_media" });
  });

  it("tells clips by their content, whatever their name", async () => {
    const ffmpeg = await found(program);
    for (const format of ["mp4", "matroska", "avi", "mpegts", "flv", "nut"]) {
      ffmpegCommand(
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=64x36:r=25:d=0.4",
        "-c:v",
        "libx264",
        "-f",
        format,
        file("clip.png"),
      );
      const info = await probeMedia(ffmpeg, file("clip.png"));
      expect(info).toMatchObject({ kind: "clip", width: 64, height: 36, frames: 10, codec: "h264", hasSound: false });
      expect((info as { frameRate: number }).frameRate).toBeCloseTo(25, 0);
    }
  });

  it("tells sample aspect, depth and alpha", async () => {
    const ffmpeg = await found(program);
    const source = ["-f", "lavfi", "-i", "testsrc2=s=64x36:d=0.1"];
    ffmpegCommand(...source, "-vf", "setsar=16/15", "-c:v", "libx264", file("sar.mp4"));
    expect(await probeMedia(ffmpeg, file("sar.mp4"))).toMatchObject({ width: 64, sampleAspect: { num: 16, den: 15 } });
    ffmpegCommand(...source, "-c:v", "ffv1", "-pix_fmt", "yuv422p10le", file("deep.mkv"));
    expect(await probeMedia(ffmpeg, file("deep.mkv"))).toMatchObject({ depth: 16, alpha: false });
    ffmpegCommand(...source, "-c:v", "apng", "-pix_fmt", "rgba", "-f", "apng", file("moving.png"));
    expect(await probeMedia(ffmpeg, file("moving.png"))).toMatchObject({
      kind: "clip",
      alpha: true,
      colour: { matrix: "gbr" },
    });
  });
});

describe("the search for ffmpeg", () => {
  it.each(["/no/such/ffmpeg", process.execPath])("refuses a wished %s that is none", async (path) => {
    await expect(findFfmpeg(path)).rejects.toMatchObject({ code: "not_runnable" });
  });

  it("finds one without a wish, says why, and looks once", async () => {
    const one = await findFfmpeg(null);
    expect(one.reason).toMatch(/\.$/);
    expect(one.encoders.has("libx264") && one.filters.has("zscale") && one.muxers.has("nut")).toBe(true);
    expect(await findFfmpeg(null)).toBe(one);
  });
});

describe("pixel formats by name", () => {
  it.each([
    ["yuv420p", 8, false, "yuv", 2, 2],
    ["yuvj422p", 8, false, "yuv", 2, 1],
    ["nv12", 8, false, "yuv", 2, 2],
    ["p010le", 10, false, "yuv", 2, 2],
    ["yuv410p", 8, false, "yuv", 4, 4],
    ["yuv444p12be", 12, false, "yuv", 1, 1],
    ["yuva444p10le", 10, true, "yuv", 1, 1],
    ["gray", 8, false, "grey", 1, 1],
    ["gray16le", 16, false, "grey", 1, 1],
    ["ya8", 8, true, "grey", 1, 1],
    ["gbrp", 8, false, "rgb", 1, 1],
    ["gbrap12le", 12, true, "rgb", 1, 1],
    ["rgb24", 8, false, "rgb", 1, 1],
    ["bgr0", 8, false, "rgb", 1, 1],
    ["rgba64be", 16, true, "rgb", 1, 1],
    ["pal8", 8, false, "rgb", 1, 1],
    ["rgb48le", 16, false, "rgb", 1, 1],
    ["x2rgb10le", 10, false, "rgb", 1, 1],
    ["p410le", 10, false, "yuv", 1, 1],
    ["nv20le", 10, false, "yuv", 2, 1],
  ] as const)("%s", (name, bits, alpha, family, across, down) => {
    const depth = bits > 8 ? 16 : 8;
    expect(pixelFormatOf(name)).toEqual({ depth, bits, alpha, family, chroma: { across, down } });
  });
});

describe("the banner of other releases", () => {
  it("is read with stream ids, three tags, a cover picture and a rotation", () => {
    const banner = parseBanner(
      [
        "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'x.mp4':",
        "  Duration: 00:01:02.50, start: -0.023220, bitrate: 1 kb/s",
        "  Stream #0:0[0x1](eng): Video: hevc (Main 10) (hvc1 / 0x31637668), yuv420p10le(tv, bt2020nc/bt2020/smpte2084, top first), 1920x1080 [SAR 1:1 DAR 16:9], 1 kb/s, 29.97 fps, 30 tbr, 30k tbn (default)",
        "    Side data:",
        "      Display Matrix: rotation of -90.00 degrees",
        "  Stream #0:1[0x2](fra): Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, stereo, fltp, 1 kb/s (default)",
        "  Stream #0:2[0x0]: Video: mjpeg (Baseline), yuvj420p(pc, bt470bg/unknown/unknown), 10x10, 90k tbr, 90k tbn (attached pic)",
        "At least one output file must be specified",
      ].join("\n"),
    );
    expect(banner).toMatchObject({ durationSeconds: 62.5, startSeconds: -0.02322 });
    expect(banner?.streams.map(({ type, language, attachedPicture }) => [type, language, attachedPicture])).toEqual([
      ["video", "eng", false],
      ["sound", "fra", false],
      ["video", null, true],
    ]);
    expect(banner?.video).toEqual({
      codec: "hevc",
      pixelFormat: "yuv420p10le",
      tags: { matrix: "bt2020nc", primaries: "bt2020", transfer: "smpte2084", range: "limited", chroma: null },
      fields: "top first",
      frameRate: 29.97,
      rotation: -90,
      besideAlpha: false,
    });
  });
});
