import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { mkdir, readdir, realpath } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { expect, it } from "vitest";
import { findFfmpeg } from "../engine/media/ffmpeg.ts";
import { probeMedia } from "../engine/media/probe.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const demo = resolve(import.meta.dirname, "../scripts/demo.mjs");

/** Runs the demo with `folder` as the system's temporary folder, where no ffmpeg is to be found. */
function runDemo(folder: string) {
  const env = { ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder, PATH: join(folder, "nothing") };
  return spawnSync(process.execPath, [demo], { env, encoding: "utf8", cwd: folder });
}

/** Command lines of running processes whose environment names the folder. Empty where there is no /proc. */
function processesOf(folder: string): string[] {
  const ids = existsSync("/proc/self/environ") ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  return ids.flatMap((id) => {
    try {
      const isOurs = readFileSync(`/proc/${id}/environ`, "utf8").includes(folder);
      return isOurs ? [readFileSync(`/proc/${id}/cmdline`, "utf8").replaceAll("\0", " ")] : [];
    } catch {
      // It has ended meanwhile or is another user's.
      return [];
    }
  });
}

it("the demo enlarges its picture and its clip with the packaged ffmpeg and leaves only these two files", async () => {
  const folder = await realpath(await temporaryFolder());
  await mkdir(join(folder, "nothing"));
  const { status, stdout, stderr } = runDemo(folder);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(processesOf(folder)).toEqual([]);

  const results = /The results stay in (.+)$/m.exec(stdout)![1]!;
  expect(dirname(dirname(results))).toBe(folder);
  expect(await readdir(dirname(results))).toEqual(["results"]);
  const paths = [...stdout.matchAll(/^(?:picture|clip): (\/.+|\w:\\.+)$/gm)].map(([, path]) => path!);
  expect((await readdir(results)).sort()).toEqual(paths.map((path) => relative(results, path)).sort());
  expect(paths).toHaveLength(2);

  const ffmpeg = await findFfmpeg(null);
  const [picture, clip] = await Promise.all(paths.map((path) => probeMedia(ffmpeg, path)));
  expect(picture).toMatchObject({ kind: "picture", width: 320, height: 240 });
  expect(clip).toMatchObject({ kind: "clip", width: 320, height: 240, frames: 50, hasSound: true });
  expect(stdout).toMatch(/320x240 pixels, [\d.]+ kB\n {2}in {3}[\d.]+ s/);
}, 180_000);
