import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chooseEncoding } from "../../engine/media/choose-encoding.ts";
import type { ClipInfo } from "../../engine/media/media-info.ts";
import { readClip } from "../../engine/media/clip-reader.ts";
import { joinSegments } from "../../engine/media/join.ts";
import { allFrames, ffmpegCommand, found, programs, temporaryFolder } from "./media-files.ts";
import { frameBytes, probeClip, sumOf, throughIdentity } from "./round-trip.ts";

/** Half transparent from left to right, over colours: solid at the right, nothing at the left. */
function alphaClip(path: string, pixelFormat: string, output: readonly string[]): void {
  const alpha = "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='clip((X-8)*8,0,255)'";
  ffmpegCommand(
    ...["-f", "lavfi", "-i", "testsrc2=s=48x32:r=25:d=0.12", "-vf", `${alpha},format=${pixelFormat}`],
    ...[...output, "-pix_fmt", pixelFormat, path],
  );
}

/** The same with 12 bits, made byte by byte: swscale widens 8 bits of alpha to less than solid. */
function rawAlphaClip(raw: string, path: string): void {
  const values = (of: (x: number, y: number) => number) =>
    Uint16Array.from({ length: 48 * 32 }, (_, i) => of(i % 48, Math.floor(i / 48)));
  const alpha = values((x) => Math.min(Math.max(0, (x - 8) * 128), 4095));
  const planes = [values((x) => x * 80), values((_, y) => y * 120), values((x, y) => (x + y) * 50), alpha];
  const frame = Buffer.concat(planes.map(({ buffer }) => Buffer.from(buffer)));
  writeFileSync(raw, Buffer.concat([frame, frame, frame]));
  const input = ["-f", "rawvideo", "-pix_fmt", "gbrap12le", "-s", "48x32", "-r", "25", "-i", raw];
  ffmpegCommand(...input, "-c:v", "ffv1", path);
}

/** ffmpeg takes alpha out of all formats only with 16 bits. */
const wide = (pixelFormat: string) => pixelFormat.replace(/^(yuva4..p)1[02]le$/, "$116le");

describe.each(programs)("a clip's alpha with %s", (program) => {
  const file = temporaryFolder();

  it.each([
    ["FFV1", "gbrap12le", ["-c:v", "ffv1"], "mkv"],
    ["FFV1 in YUV", "yuva444p10le", ["-c:v", "ffv1"], "mkv"],
    ["PNG", "rgba", ["-c:v", "png"], "mov"],
    ["QTRLE", "argb", ["-c:v", "qtrle"], "mov"],
    ["VP9", "yuva420p", ["-c:v", "libvpx-vp9", "-auto-alt-ref", "0", "-crf", "20", "-b:v", "0"], "webm"],
    ["ProRes 4444", "yuva444p10le", ["-c:v", "prores_ks", "-profile:v", "4"], "mov"],
  ] as const)("of %s (%s) passes through unchanged into FFV1", async (_name, pixelFormat, output, extension) => {
    const ffmpeg = await found(program);
    const source = file(`alpha.${extension}`);
    alphaClip(source, pixelFormat, output);
    const { info } = await throughIdentity(
      ffmpeg,
      { source, result: file("a.nut") },
      { container: "mkv", codec: "ffv1" },
    );
    expect(info.alpha).toBe(true);
    const result = await probeClip(ffmpeg, file("a.nut"));
    const alphaOf = (input: readonly string[], { pixelFormat, depth }: ClipInfo) =>
      frameBytes(program, input, `format=${wide(pixelFormat)},extractplanes=a`, depth === 8 ? "gray" : "gray16le");
    const decoder = info.codec === "vp9" ? ["-c:v", "libvpx-vp9"] : [];
    const before = alphaOf([...decoder, "-i", source], info);
    // 257 times as much, which is the byte twice, is the same in 16 bits.
    const expected =
      result.depth === info.depth ? before : Uint8Array.from([...before].flatMap((value) => [value, value]));
    expect(sumOf(alphaOf(["-i", file("a.nut")], result))).toBe(sumOf(expected));
  });

  it("stays exactly solid and exactly nothing in ProRes 4444, with the colour under it", async () => {
    const ffmpeg = await found(program);
    const source = file("solid.mkv");
    rawAlphaClip(file("solid.raw"), source);
    await throughIdentity(ffmpeg, { source, result: file("p.nut") }, { container: "mov", codec: "prores_4444" });
    const [sourceInfo, info] = [await probeClip(ffmpeg, source), await probeClip(ffmpeg, file("p.nut"))];
    const [before] = await allFrames(readClip(ffmpeg, source, sourceInfo, { limit: 1 }));
    const [frame] = await allFrames(readClip(ffmpeg, file("p.nut"), info, { limit: 1 }));
    const row = (values: ArrayLike<number> | undefined) => Array.from(values ?? []).slice(16 * 48, 17 * 48);
    expect(row(frame?.alpha).slice(0, 9)).toEqual(Array(9).fill(0));
    expect(row(frame?.alpha).slice(40)).toEqual(Array(8).fill(65535));
    for (const [x, value] of row(frame?.alpha).entries()) {
      expect(Math.abs(value - (row(before?.alpha)[x] ?? 0))).toBeLessThan(65535 / 512);
    }
    let far = 0;
    for (const [index, value] of (frame?.rgb ?? []).entries()) far += Math.abs(value - (before?.rgb[index] ?? 0));
    expect(far / (frame?.rgb.length ?? 1) / 65535).toBeLessThan(0.03);
  });

  it("goes beside the frames of VP9 in WebM, through segments and their joining", async () => {
    const ffmpeg = await found(program);
    const source = file("vp9.mkv");
    alphaClip(source, "gbrap", ["-c:v", "ffv1"]);
    const segments = [file("v0.nut"), file("v1.nut")].map((path, index) => ({ path, firstTime: BigInt(index * 120) }));
    const output = file("joined.webm");
    const container = "webm";
    let written: Awaited<ReturnType<typeof throughIdentity>> | undefined;
    for (const { path } of segments) {
      written = await throughIdentity(ffmpeg, { source, result: path }, { container }, { quality: 4 });
    }
    expect(written?.notes).toEqual([]);
    const { info: sourceInfo, spec } = written as NonNullable<typeof written>;
    await joinSegments(ffmpeg, { segments, source, sourceInfo, output, container, spec });
    const info = await probeClip(ffmpeg, output);
    expect(info).toMatchObject({ codec: "vp9", alpha: true });
    const before = await allFrames(readClip(ffmpeg, source, sourceInfo));
    const after = await allFrames(readClip(ffmpeg, output, info));
    expect(after).toHaveLength(2 * before.length);
    for (const [index, { alpha }] of after.entries()) {
      const wanted = before[index % before.length]?.alpha ?? [];
      const off = Array.from(alpha ?? [], (value, pixel) => Math.abs(value - (wanted[pixel] ?? NaN)));
      expect(off).toHaveLength(48 * 32);
      expect(Math.max(...off)).toBeLessThan(12);
    }
  });

  it("is flattened on black with a note where the codec has none", async () => {
    const ffmpeg = await found(program);
    const source = file("flat.mkv");
    alphaClip(source, "gbrap", ["-c:v", "ffv1"]);
    const { notes } = await throughIdentity(ffmpeg, { source, result: file("f.nut") }, { container: "mp4" });
    expect(notes.join()).toMatch(/black.*prores_4444/);
    const info = await probeClip(ffmpeg, file("f.nut"));
    const [frame] = await allFrames(readClip(ffmpeg, file("f.nut"), info, { limit: 1 }));
    expect(info.alpha).toBe(false);
    expect(Math.max(...Array.from(frame?.rgb.subarray(16 * 48 * 3, (16 * 48 + 6) * 3) ?? [255]))).toBeLessThan(24);
    expect(chooseEncoding(info, { container: "mp4" }, info).notes).toEqual([]);
  });
});
