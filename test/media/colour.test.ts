import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { resolveColour } from "../../engine/media/colour.ts";
import { readClip } from "../../engine/media/clip-reader.ts";
import { openSegment } from "../../engine/media/clip-writer.ts";
import { chooseEncoding } from "../../engine/media/choose-encoding.ts";
import { allFrames, bannerOf, ffmpegCommand, found, programs, temporaryFolder } from "./media-files.ts";
import { frameBytes, probeClip, psnr, sumOf, throughIdentity } from "./round-trip.ts";

const matrices = ["bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "ycgco", "bt2020nc"] as const;

/** zscale's own names, or numbers where releases differ: 4.1 misspells one. */
const zscaleName = (matrix: string) => (matrix === "smpte240m" ? "7" : matrix);

/** A clip within the RGB cube whose chroma changes from pixel to pixel. */
const smooth =
  "geq=lum='125+25*sin(X/5+N)+20*cos(Y/4)':cb='128+14*sin((X+Y)/6+N)':cr='128+14*cos((X-2*Y)/7)',format=yuv420p";

function losslessClip(path: string, { filters, tags }: { filters: string; tags: readonly string[] }): void {
  const source = ["-f", "lavfi", "-i", "testsrc2=s=48x36:r=25:d=0.12"];
  ffmpegCommand(...source, "-vf", filters, "-c:v", "ffv1", "-level", "3", ...tags, path);
}

describe.each(programs)("colours with %s", (program) => {
  const file = temporaryFolder();

  // All combinations of one matrix, then both depths and both ranges of the others.
  const codings = matrices.flatMap((matrix, index) =>
    (["limited", "full"] as const).flatMap((range, turn) =>
      (["yuv420p", "yuv422p10le"] as const)
        .filter((_, depth) => index === 0 || depth === turn)
        .map((pixelFormat) => ({ matrix, range, pixelFormat })),
    ),
  );

  it.each(codings)(
    "become the 16-bit RGB of ffmpeg's own conversion, bit for bit: $matrix, $range range, $pixelFormat",
    async ({ matrix, range, pixelFormat }) => {
      const ffmpeg = await found(program);
      const tags = ["-colorspace", matrix, "-color_range", range === "full" ? "pc" : "tv"];
      const [source, result] = [file("source.mkv"), file("result.nut")];
      losslessClip(source, { filters: `format=${pixelFormat}`, tags });
      const { info } = await throughIdentity(ffmpeg, { source, result }, { container: "mkv", codec: "ffv1" });
      expect(info.colour).toMatchObject({ matrix, range });
      const meaning = `matrixin=${zscaleName(matrix)}:rangein=${range}`;
      const own = `zscale=${meaning}:matrix=gbr:range=full:filter=lanczos,format=gbrp16le`;
      expect(sumOf(frameBytes(program, ["-i", result], "null", "rgb48le"))).toBe(
        sumOf(frameBytes(program, ["-i", source], own, "rgb48le")),
      );
    },
  );

  it("come back in 8-bit 4:2:0 as they were, in both ranges", async () => {
    const ffmpeg = await found(program);
    for (const range of ["tv", "pc"]) {
      const source = file(`smooth-${range}.mkv`);
      losslessClip(source, { filters: smooth, tags: ["-colorspace", "bt709", "-color_range", range] });
      const result = file("back.nut");
      await throughIdentity(ffmpeg, { source, result }, { container: "mp4" }, { quality: 0 });
      const { y, u, v } = psnr(program, result, source);
      expect(y).toBeGreaterThanOrEqual(70);
      expect(u).toBeGreaterThanOrEqual(55);
      expect(v).toBeGreaterThanOrEqual(55);
    }
  });

  it("that leave the RGB cube lose no more than by ffmpeg alone", async () => {
    const ffmpeg = await found(program);
    const source = file("testsrc2.mkv");
    losslessClip(source, { filters: "format=yuv420p", tags: ["-colorspace", "bt709", "-color_range", "tv"] });
    const result = file("back.nut");
    await throughIdentity(ffmpeg, { source, result }, { container: "mp4" }, { quality: 0 });
    const alone =
      "zscale=matrixin=709:rangein=limited:matrix=gbr:range=full:filter=lanczos,format=gbrp16le," +
      "zscale=matrixin=gbr:rangein=full:matrix=709:range=limited:chromal=left:filter=lanczos,format=yuv420p";
    const [ours, theirs] = [psnr(program, result, source), psnr(program, source, source, alone)];
    for (const plane of ["y", "u", "v"] as const) expect(ours[plane]).toBeGreaterThanOrEqual(theirs[plane] - 0.1);
  });

  it("keep the middle of odd sizes and single pixels", async () => {
    const ffmpeg = await found(program);
    for (const [width, height] of [
      [1, 1],
      [1, 5],
      [7, 1],
      [33, 17],
    ] as const) {
      // 60 of blue, 90 of green, 180 of red in BT.601, as one frame of bytes.
      const half = Math.ceil(width / 2) * Math.ceil(height / 2);
      const bytes = Buffer.concat([
        Buffer.alloc(width * height, 112),
        Buffer.alloc(half, 101),
        Buffer.alloc(half, 171),
      ]);
      await writeFile(file("one.raw"), bytes);
      const raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", `${width}x${height}`, "-i", file("one.raw")];
      ffmpegCommand(...raw, "-c:v", "ffv1", file("odd.mkv"));
      const info = await probeClip(ffmpeg, file("odd.mkv"));
      expect(info).toMatchObject({ width, height });
      const [frame] = await allFrames(readClip(ffmpeg, file("odd.mkv"), info));
      expect(frame?.rgb).toHaveLength(width * height * 3);
      for (const [index, value] of (frame?.rgb ?? []).entries()) {
        expect(Math.abs(value - ([180, 90, 60][index % 3] ?? 0))).toBeLessThanOrEqual(3);
      }
    }
  });

  it.each([
    ["gray", "ffv1"],
    ["gray10le", "ffv1"],
    ["gbrp10le", "ffv1"],
    ["rgb24", "png"],
    ["yuv420p12le", "ffv1"],
    ["uyvy422", "rawvideo"],
    ["bgra", "ffv1"],
  ] as const)("in %s keep black, white and what lies between", async (pixelFormat, codec) => {
    const ffmpeg = await found(program);
    const shades = "format=gray,geq=lum='if(lt(X,8),0,if(lt(X,16),255,128))'";
    ffmpegCommand(
      ...["-f", "lavfi", "-i", `color=s=24x8:d=0.04,${shades},format=${pixelFormat}`],
      ...["-c:v", codec, "-pix_fmt", pixelFormat, file("shades.nut")],
    );
    const info = await probeClip(ffmpeg, file("shades.nut"));
    const [frame] = await allFrames(readClip(ffmpeg, file("shades.nut"), info));
    const top = info.depth === 8 ? 255 : 65535;
    const at = (x: number) => (frame?.rgb[x * 3 + 1] ?? 0) / top;
    expect(at(2)).toBe(0);
    expect(at(12)).toBeCloseTo(1, 2);
    expect(at(22)).toBeCloseTo(0.502, 2);
  });

  it("of more than 8 bits stay so where the codec can", async () => {
    const ffmpeg = await found(program);
    losslessClip(file("deep.mkv"), { filters: "format=yuv420p10le", tags: [] });
    const info = await probeClip(ffmpeg, file("deep.mkv"));
    const pixelFormats = (["mp4", "webm", "mov", "mkv"] as const).map((container) => {
      const codec = container === "mov" ? ("prores_422hq" as const) : undefined;
      return chooseEncoding(info, { container, codec }, info).spec.pixelFormat;
    });
    expect(pixelFormats).toEqual(["yuv420p10le", "yuv420p10le", "yuv422p10le", "yuv420p10le"]);
    await throughIdentity(ffmpeg, { source: file("deep.mkv"), result: file("deep.nut") }, { container: "webm" });
    expect(bannerOf(file("deep.nut"))).toMatch(/vp9 \(Profile 2\).*yuv420p10le/);
  });

  it("are rounded to 8 bits, or dithered where asked for", async () => {
    const ffmpeg = await found(program);
    losslessClip(file("any.mkv"), { filters: "format=yuv420p10le", tags: ["-colorspace", "bt709"] });
    const info = await probeClip(ffmpeg, file("any.mkv"));
    // A grey between the luma codes 117 and 118, nearer to the latter.
    const grey = Math.round((101.7 / 219) * 65535);
    const rgb = new Uint16Array(info.width * info.height * 3).fill(grey);
    const frame = { width: info.width, height: info.height, depth: 16 as const, time: 0n, rgb };
    const lumaOf = async (dither: boolean) => {
      const { spec } = chooseEncoding(info, { container: "mp4", codec: "h264", dither }, info);
      const writer = openSegment(ffmpeg, file("grey.nut"), { ...spec, quality: 0 });
      await writer.write(frame);
      await writer.finish();
      ffmpegCommand("-i", file("grey.nut"), "-vf", "extractplanes=y", "-f", "rawvideo", file("grey.raw"));
      return [...(await readFile(file("grey.raw")))];
    };
    expect(new Set(await lumaOf(false))).toEqual(new Set([118]));
    const dithered = await lumaOf(true);
    expect(new Set(dithered)).toEqual(new Set([117, 118]));
    expect(dithered.reduce((sum, value) => sum + value, 0) / dithered.length).toBeCloseTo(117.7, 1);
  });

  it("with chroma elsewhere are read from there and written where players look", async () => {
    const ffmpeg = await found(program);
    const sums: string[] = [];
    for (const place of [0, 1, 2]) {
      ffmpegCommand(
        ...["-f", "lavfi", "-i", "testsrc2=s=48x36:r=25:d=0.04", "-vf", smooth, "-c:v", "libx264", "-qp", "0"],
        ...["-x264-params", `chromaloc=${place}:colormatrix=bt709:fullrange=off`, file(`${place}.mkv`)],
      );
      const names = ["left", "center", "topleft"];
      const source = file(`${place}.mkv`);
      await throughIdentity(ffmpeg, { source, result: file("place.nut") }, { container: "mkv", codec: "ffv1" });
      const own =
        "zscale=matrixin=709:rangein=limited:matrix=gbr:range=full:filter=lanczos" +
        `:chromalin=${names[place]},format=gbrp16le`;
      sums.push(sumOf(frameBytes(program, ["-i", file("place.nut")], "null", "rgb48le")));
      expect(sums.at(-1)).toBe(sumOf(frameBytes(program, ["-i", source], own, "rgb48le")));
    }
    expect(new Set(sums).size).toBe(3);
  });
});

describe("the colours of a file", () => {
  const nothing = { matrix: null, primaries: null, transfer: null, range: null, chroma: null };
  const large = { width: 1920, height: 1080 };

  it.each(["bt2020c", "ictcp", "smpte2085", "chroma-derived-nc", "chroma-derived-c"])(
    "are refused by name where they cannot be converted: %s",
    (matrix) => {
      expect(() => resolveColour({ ...nothing, matrix }, "yuv420p10le", large)).toThrow(matrix);
    },
  );

  it.each([
    ["yuv420p", { width: 720, height: 576 }, {}, "smpte170m limited"],
    ["yuv420p", { width: 1280, height: 536 }, {}, "bt709 limited"],
    ["yuv420p", { width: 720, height: 578 }, {}, "bt709 limited"],
    ["yuvj420p", large, {}, "bt709 full"],
    ["yuv444p", large, { range: "full" as const }, "bt709 full"],
    ["yuv444p", large, { matrix: "gbr" }, "bt709 limited"],
    ["gbrp", large, {}, "gbr full"],
    ["gray", large, {}, "gbr full"],
    ["gray", large, { range: "limited" as const }, "gbr limited"],
  ])("%s of %o tagged %o are %s", (pixelFormat, size, tags, expected) => {
    const { matrix, range } = resolveColour({ ...nothing, ...tags }, pixelFormat, size);
    expect(`${matrix} ${range}`).toBe(expected);
  });
});
