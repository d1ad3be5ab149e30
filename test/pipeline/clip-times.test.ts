import { describe, expect, it } from "vitest";
import type { Ffmpeg } from "../../engine/media/ffmpeg.ts";
import {
  type Recipe,
  changingClips,
  clipsOfTimes,
  damagedClips,
  evenly,
  lingeringClip,
  makeAwkwardClip,
} from "../media/awkward-clips.ts";
import { bannerOf, decodedTimes, found, programs, temporaryFolder } from "../media/media-files.ts";
import { enlarged } from "./enlarged.ts";

const file = temporaryFolder();

/** Makes a clip of the index once, whichever ffmpegs it is tried with. */
async function made(name: string, recipe: Recipe): Promise<string> {
  return (sources[name] ??= makeAwkwardClip(recipe, file(`${name}.${recipe.extension}`)));
}
const sources: Record<string, Promise<string>> = {};

/** Seconds from the first frame of a clip to each. */
function secondsOf(path: string): number[] {
  const { base, times } = decodedTimes(path);
  const [num = 1, den = 1] = base.split("/").map(Number);
  return times.map((time) => ((time - (times[0] ?? 0)) * num) / den);
}

/** The furthest that two lists of as many times lie apart. */
function furthest(times: readonly number[], wanted: readonly number[]): number {
  expect(times).toHaveLength(wanted.length);
  return Math.max(...times.map((time, index) => Math.abs(time - (wanted[index] ?? 0))));
}

describe.each(programs)("the times of frames with %s", (program) => {
  let ffmpeg: Ffmpeg;

  it.each(Object.entries(clipsOfTimes))("are kept of %s", async (name, recipe) => {
    ffmpeg = await found(program);
    const source = await made(name, recipe);
    const wanted = recipe.times ?? secondsOf(source);
    const output = file("out.mp4");
    const { info, result } = await enlarged(ffmpeg, source, { output, format: "mp4" });
    const repeats = new Set(wanted).size < wanted.length;
    // Frames that the file gives one time come a sixteenth of its tick apart.
    const tolerance = repeats ? (3 * info.timeBase.num) / info.timeBase.den : 1e-6;
    expect(furthest(secondsOf(output), wanted)).toBeLessThan(tolerance);
    expect(result.frames).toBe(wanted.length);
    expect(
      result.notes.filter((note) => !/^(The sound in stream|The source's clock|Of the file's own entries)/.test(note)),
    ).toEqual([]);
  });

  it.each(["times that change", "an AVI of 29.97 frames", "more frames than milliseconds"])(
    "are kept to a millisecond in Matroska, of %s",
    async (name) => {
      const recipe = clipsOfTimes[name] as Recipe;
      const source = await made(name, recipe);
      await enlarged(ffmpeg, source, { output: file("out.mkv"), format: "mkv" });
      expect(furthest(secondsOf(file("out.mkv")), secondsOf(source))).toBeLessThan(0.00101);
    },
  );
});

describe.each(programs)("the last frame with %s", (program) => {
  it.each([
    ["mp4", undefined, "2.40"],
    ["mov", undefined, "2.40"],
    ["mp4", 5, "0."], // whose last frame is not that of the clip
  ])("is shown as long as in the source, in %s, of %s frames", async (format, preview_frames, seconds) => {
    const source = await made("lingering", lingeringClip);
    const output = file(`rest.${format}`);
    await enlarged(await found(program), source, { output, format, parameters: { preview_frames } });
    expect(bannerOf(output)).toContain(`Duration: 00:00:0${seconds}`);
  });
});

describe.each(programs)("a clip that changes in the middle, with %s", (program) => {
  it.each([
    ["size", /changes its size on the way \(64×48, 96×64\): all frames were brought to the first size/],
    ["pixel format", /clock jumps back/],
  ])("its %s: is read to its end", async (name, note) => {
    const source = await made(name, changingClips[name] as Recipe);
    const output = file("changed.mp4");
    const { result } = await enlarged(await found(program), source, { output, format: "mp4" });
    expect(furthest(secondsOf(output), evenly(20, 25))).toBeLessThan(1e-6);
    expect(result.notes[0]).toMatch(note);
    expect(bannerOf(output)).toContain("64x48");
  });
});

describe.each(programs)("a damaged clip with %s", (program) => {
  it.each(Object.entries(damagedClips))("gives what can be read of %s, and says so", async (name, recipe) => {
    const ffmpeg = await found(program);
    const source = await made(name, recipe);
    const output = file("damaged.mp4");
    const { info, result } = await enlarged(ffmpeg, source, { output, format: "mp4" });
    expect(result.frames).toBeGreaterThan(15);
    // Times that are missing are guessed, to within a tick or so.
    expect(furthest(secondsOf(output), secondsOf(source))).toBeLessThan(5e-5);
    expect(result.notes.join()).toMatch(
      /^The source is damaged: \d+ of about \d+ frames could be read\. ffmpeg says: ./,
    );
    const strict = enlarged(ffmpeg, source, { output, format: "mp4", info, parameters: { strict: true } });
    await expect(strict).rejects.toMatchObject({
      code: "unreadable_media",
      todo: expect.stringMatching(/strict/) as string,
    });
  });
});
