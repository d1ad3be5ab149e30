import { describe, expect, it } from "vitest";
import { type Recipe, clipsOfStreams, makeAwkwardClip } from "../media/awkward-clips.ts";
import { bannerOf, ffmpegBytes, ffmpegCommand, found, programs, temporaryFolder } from "../media/media-files.ts";
import { enlarged } from "./enlarged.ts";

const file = temporaryFolder();
const sources: Record<string, Promise<string>> = {};

async function made(name: string): Promise<string> {
  const recipe = clipsOfStreams[name] as Recipe;
  return (sources[name] ??= makeAwkwardClip(recipe, file(`${name}.${recipe.extension}`)));
}

/** Each stream in short, as the packaged ffmpeg sees it: kind, codec, language, standing. */
function streamsOf(path: string): string[] {
  const lines = bannerOf(path).matchAll(/Stream #0:\d+(?:\((\w+)\))?: (\w+): (\w+)(.*)/g);
  return [...lines].map(([, language, kind, codec, rest = ""]) => {
    const standing = rest.match(/\((default|forced)\)/g) ?? [];
    return [kind, codec, language === "und" ? undefined : language, ...standing].filter(Boolean).join(" ");
  });
}

/** All bytes of the packets of a stream: some releases put those of one moment together. */
function bytesOf(path: string, stream: string): string {
  return ffmpegBytes("-i", path, "-map", stream, "-c", "copy", "-f", "data", "-").toString("hex");
}

/** Seconds from the first frame to each packet of a stream. */
function fromPicture(path: string, stream: string): number[] {
  const secondsOf = (map: string) => {
    const text = ffmpegCommand("-copyts", "-i", path, "-map", map, "-c", "copy", "-f", "framecrc", "-");
    const [num = 1, den = 1] = (/^#tb 0: (\d+)\/(\d+)/m.exec(text) ?? []).slice(1).map(Number);
    const times = text.split("\n").flatMap((line) => (/^\d/.test(line) ? [Number(line.split(",")[2])] : []));
    return times.map((time) => (time * num) / den);
  };
  const picture = Math.min(...secondsOf("0:v:0"));
  return secondsOf(stream).map((time) => time - picture);
}

describe.each(programs)("what a clip holds beside its picture, with %s", (program) => {
  const through = async (name: string, format: string, parameters = {}) => {
    const source = await made(name);
    const output = file(`out.${format}`);
    const { result } = await enlarged(await found(program), source, { output, format, parameters });
    return { source, output, notes: result.notes };
  };

  it("is all kept in Matroska, to the byte and with its standing", async () => {
    const { source, output, notes } = await through("all that Matroska takes", "mkv");
    expect(notes).toEqual([]);
    expect(streamsOf(output)).toEqual(streamsOf(source));
    expect(streamsOf(output)).toEqual([
      ...[
        "Video h264",
        "Audio aac eng",
        "Audio flac fra (default)",
        "Subtitle subrip eng",
        "Subtitle ass jpn (forced)",
      ],
      ...["Subtitle hdmv_pgs_subtitle", "Attachment ttf", "Video mjpeg"],
    ]);
    for (const stream of ["0:a:0", "0:a:1", "0:s:0", "0:s:1", "0:s:2"]) {
      expect(bytesOf(output, stream) === bytesOf(source, stream), stream).toBe(true);
    }
    const banner = bannerOf(output);
    for (const part of ["A day", "seven", "Somebody", "Dawn", "Noon", "Main", "Comment", "font.ttf", "cover.jpg"]) {
      expect(banner).toContain(part);
    }
  });

  it.each([
    [
      "mp4",
      [
        "Video h264",
        "Audio aac eng",
        "Audio flac fra",
        "Subtitle mov_text eng",
        "Subtitle mov_text jpn",
        "Video mjpeg",
      ],
      [/3 were converted from subrip/, /4 were converted from ass/, /hdmv_pgs/, /ttf, font.ttf/, /com.example.scene/i],
    ],
    [
      "mov",
      ["Video h264", "Audio aac eng", "Audio aac fra", "Subtitle mov_text eng", "Subtitle mov_text jpn"],
      [
        /from flac to aac/,
        /subrip/,
        /from ass/,
        /hdmv_pgs/,
        /font.ttf/,
        /cover picture in stream 7/,
        /left out.*scene/i,
      ],
    ],
    [
      "webm",
      ["Video vp9", "Audio opus eng", "Audio opus fra", "Subtitle webvtt eng", "Subtitle webvtt jpn"],
      [/aac to libopus/, /flac to libopus/, /subrip/, /from ass/, /hdmv_pgs/, /font.ttf/, /cover picture in stream 7/],
    ],
  ])("is kept as far as %s takes it, the rest is named", async (format, streams, notes) => {
    const { output, notes: given } = await through("all that Matroska takes", format);
    expect(given).toHaveLength(notes.length);
    for (const [index, note] of notes.entries()) expect(given[index]).toMatch(note);
    const found = streamsOf(output).filter((stream) => !stream.startsWith("Data"));
    // MOV has no "unknown" among its languages.
    expect(found.map((stream) => stream.replace(/^(Video \w+) eng/, "$1").replace(/ \(.*/, ""))).toEqual(streams);
    for (const part of ["A day", "Dawn", "Noon"]) expect(bannerOf(output)).toContain(part);
  });

  it("includes the cover of an MP4", async () => {
    const { source, output, notes } = await through("MP4 with a cover", "mp4");
    expect(notes).toEqual([]);
    expect(streamsOf(output)).toEqual(streamsOf(source));
    expect(bannerOf(output)).toContain("A day");
  });

  it("loses a cover that MP4 does not take, and nothing else", async () => {
    const { output, notes } = await through("Matroska with a cover that MP4 has not", "mp4");
    expect(notes).toEqual([
      expect.stringMatching(/from subrip to mov_text/),
      expect.stringMatching(/^The cover picture in stream 3 \(gif.*\) was left out: mp4 cannot hold it\.$/),
    ]);
    expect(streamsOf(output)).toEqual(["Video h264 (default)", "Audio aac (default)", "Subtitle mov_text (default)"]);
  });

  it.each(["mov", "mp4"])("includes a time code, in %s", async (format) => {
    const { output, notes } = await through("QuickTime with a time code", format);
    expect(notes.filter((note) => !note.startsWith("The sound"))).toEqual([]);
    expect(bannerOf(output)).toMatch(/tmcd[^]*timecode +: 01:02:03:04/);
  });

  it.each(["mov", "mp4"])("includes what a phone writes, in %s", async (format) => {
    const { output, notes } = await through("a phone's QuickTime", format);
    expect(notes).toEqual([]);
    expect(bannerOf(output)).toMatch(/quicktime.make *: Acme[^]*ISO6709: \+48.1\+011.5/);
  });

  it.each(["mkv", "mp4"])("keeps its distance from the picture, in %s", async (format) => {
    const { source, output } = await through("subtitles on a clock that starts late", format);
    for (const stream of ["0:a:0", "0:s:0"]) {
      const [before = NaN] = fromPicture(source, stream);
      const [after] = fromPicture(output, stream).filter(
        (_, index) => stream === "0:a:0" || format === "mkv" || index > 0,
      );
      expect(after, stream).toBeCloseTo(before, 2);
    }
    expect(fromPicture(source, "0:a:0")[0]).toBeLessThan(-0.2);
  });

  it("ends with the frames of a preview", async () => {
    const { output } = await through("all that Matroska takes", "mkv", { preview_frames: 10 });
    for (const stream of ["0:a:0", "0:a:1", "0:s:0"]) {
      const times = fromPicture(output, stream);
      expect(Math.max(...times)).toBeLessThan(0.45);
      expect(times.length).toBeGreaterThan(0);
    }
  });

  it("is named where it is data that belongs to the source only", async () => {
    const { notes } = await through("MPEG-TS with data", "mp4");
    expect(notes).toEqual([expect.stringMatching(/^The data in stream 1 \(.+\) were left out\.$/)]);
  });
});
