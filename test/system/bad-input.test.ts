import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Engine } from "../../engine/index.ts";
import { makeClip, makePicture } from "./media.ts";
import { TestMachine, ended } from "./program.ts";

let machine: TestMachine;
let engine: Engine;
let good: string;

beforeEach(async () => {
  machine = await TestMachine.make();
  engine = machine.engine();
  good = await makePicture(machine.folder, "good.png", 16, 12);
});

/** Everything that is refused at submission: how the file is made, what is submitted, what the answer says. */
const refusals: [string, (m: TestMachine) => Promise<Record<string, unknown>>, string, RegExp][] = [
  ["a missing file", async (m) => ({ file_path: join(m.folder, "god.png") }), "not_found", /god\.png.*good\.png/],
  ["an empty file", (m) => file(m, "e.png", ""), "unreadable_media", /empty/],
  ["text called .mp4", (m) => file(m, "t.mp4", "hello ".repeat(99)), "unreadable_media", /t\.mp4/],
  ["a truncated picture", truncated, "unreadable_media", /cut\.png/],
  ["a folder", async (m) => ({ file_path: m.folder }), "unreadable_media", /folder/],
  ["a HEIC picture", (m) => file(m, "x.heic", "\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "unreadable_media", /HEIC/],
  ["a playlist", (m) => file(m, "x.m3u8", "#EXTM3U\nhttp://example.org/a.ts\n"), "unreadable_media", /playlist/i],
  ["a relative path", async () => ({ file_path: "a/b.png" }), "invalid_parameter", /relative.*absolute path/],
  ["a path outside", async () => ({ file_path: "/etc/hostname" }), "path_not_allowed", /SEEDVR2_ALLOWED_FOLDERS/],
  ["a path with ../", async (m) => ({ file_path: `${m.folder}/../../etc/hostname` }), "path_not_allowed", /outside/],
  ["a link that leads out", linkOut, "path_not_allowed", /outside/],
  [
    "a clip to the picture tool",
    async (m) => ({ file_path: await makeClip(m.folder, "c.mp4", { frames: 3 }) }),
    "invalid_parameter",
    /submit_video_task/,
  ],
  ["an existing output", existing, "wrong_state", /exists already/],
  ["the source as output", async () => ({ output_path: good, overwrite: true }), "invalid_parameter", /source itself/],
  ["an output outside", async () => ({ output_path: "/etc/x.png" }), "path_not_allowed", /outside/],
  ["an output without extension", async (m) => ({ output_path: join(m.folder, "x") }), "invalid_parameter", /png/],
  ["an output below a file", async () => ({ output_path: `${good}/x.png` }), "not_writable", /file, not a folder/],
  ["a clip format for a picture", async () => ({ output_format: "mp4" }), "invalid_parameter", /png/],
  ["resolution 0", async () => ({ resolution: 0 }), "invalid_parameter", /resolution 0 .* 16–16384/],
  ["resolution −5", async () => ({ resolution: -5 }), "invalid_parameter", /resolution -5/],
  ["resolution 1e9", async () => ({ resolution: 1e9 }), "invalid_parameter", /16–16384/],
  ['resolution "abc"', async () => ({ resolution: "abc" }), "invalid_parameter", /resolution "abc"/],
  ['resolution "1080p"', async () => ({ resolution: "1080p" }), "invalid_parameter", /Give the number 1080/],
  ["resolution and scale", async () => ({ resolution: 64, scale: 2 }), "invalid_parameter", /one of them/],
  ["batch_size 4", async () => ({ batch_size: 4 }), "invalid_parameter", /4n\+1/],
  ["an unknown parameter", async () => ({ resolutoin: 64 }), "invalid_parameter", /Did you mean resolution/],
  ["an unknown colour method", async () => ({ color_correction: "rgb" }), "invalid_parameter", /lab, wavelet/],
  ["an unknown model", async () => ({ dit_model: "nope" }), "not_found", /nope/],
  [
    "a result too large",
    async () => ({ scale: 64, file_path: await makePicture(machine.folder, "w.png", 1000, 100) }),
    "too_large",
    /largest resolution/,
  ],
];

async function file(m: TestMachine, name: string, content: string) {
  await writeFile(join(m.folder, name), content, "latin1");
  return { file_path: join(m.folder, name) };
}

async function existing(m: TestMachine) {
  return { output_path: await makePicture(m.folder, "there.png") };
}

async function truncated(m: TestMachine) {
  const whole = await readFile(await makePicture(m.folder, "whole.png", 200, 200));
  await writeFile(join(m.folder, "cut.png"), whole.subarray(0, whole.length / 2));
  return { file_path: join(m.folder, "cut.png") };
}

async function linkOut(m: TestMachine) {
  await symlink("/etc/hostname", join(m.folder, "link.png"));
  return { file_path: join(m.folder, "link.png") };
}

describe("bad input", () => {
  it("is refused at submission, whatever it is, and the engine goes on", async () => {
    for (const [what, make, code, text] of refusals) {
      const input = { file_path: good, ...(await make(machine)) };
      const refused = await engine.call("submit_image_task", input as never).then(
        (answer) => `accepted: ${JSON.stringify(answer)}`,
        (error: { code: string; message: string }) => error,
      );
      expect(refused, what).toMatchObject({ code, message: expect.stringMatching(text) });
    }
    const { task_id } = await engine.call("submit_image_task", { file_path: good, scale: 2 });
    expect((await ended(engine, task_id)).status).toBe("completed");
    expect((await engine.call("get_queue_status", {})).total_failed).toBe(0);
  });

  it.runIf(process.getuid?.() !== 0)("is refused where permissions are missing", async () => {
    const closed = join(machine.folder, "closed");
    await mkdir(closed);
    await chmod(closed, 0o500);
    const submit = engine.call("submit_image_task", { file_path: good, output_path: join(closed, "x.png") });
    await expect(submit).rejects.toMatchObject({ code: "not_writable" });
  });

  it.each([
    [{ codec: "prores_4444" }, /prores_4444 is not possible in mp4.*\.mov/],
    [{ codec: "png_sequence", output_format: "mp4" }, /png_sequence is not possible in mp4.*folder/],
    [{ codec: "h264", preset: "hurry" }, /preset hurry.*medium/],
    [{ output_format: "png" }, /mp4, mov, mkv, webm/],
  ])("is refused at submission for a clip: %o", async (wish, text) => {
    const file_path = await makeClip(machine.folder, "c.mp4", { frames: 3 });
    const submit = engine.call("submit_video_task", { file_path, scale: 2, ...wish } as never);
    await expect(submit).rejects.toMatchObject({ code: "invalid_parameter", message: expect.stringMatching(text) });
  });

  it("does not come from a name, however odd, nor from a single pixel", async () => {
    const names = ["with space", "it's", 'quo"te', "new\nline", "ünïcödé 日本", "%d", "-dash", "a;b&c"];
    const submitted = [];
    for (const name of names) {
      const path = join(machine.folder, `${name}.png`);
      await copyFile(good, path);
      submitted.push(await engine.call("submit_image_task", { file_path: path, scale: 2 }));
    }
    const pixel = await makePicture(machine.folder, "1.png", 1, 1);
    submitted.push(await engine.call("submit_image_task", { file_path: pixel, scale: 3 }));
    const sizes = [];
    for (const { task_id } of submitted) sizes.push((await ended(engine, task_id)).output_resolution);
    expect(sizes).toEqual([...names.map(() => "32x24"), "3x3"]);
  });
});
