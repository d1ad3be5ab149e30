import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Engine } from "../../engine/index.ts";
import { tinyModel } from "../seedvr2/tiny-models.ts";
import { makeClip } from "./media.ts";
import { TestMachine, childOf, ended, isAlive, until } from "./program.ts";

/** Where a running task is. */
async function framesDone(engine: Engine, task_id: string): Promise<number> {
  return (await engine.call("get_task_status", { task_id })).frames_done;
}

/** Batches of a SeedVR2 task that are finished and kept on disk. */
async function keptBatches(machine: TestMachine, task_id: string): Promise<{ file: string; first: number }[]> {
  const text = await readFile(join(machine.stateDir, "work", task_id, "manifest.json"), "utf8").catch(() => "{}");
  return (JSON.parse(text) as { batches?: { file: string; first: number }[] }).batches ?? [];
}

it.each(["worker", "engine"])(
  "a SeedVR2 task whose %s is killed loses the batch it is at, and gives the same bytes",
  async (who) => {
    const machine = await TestMachine.make({ SEEDVR2_SEGMENT_FRAMES: "250" });
    await tinyModel(join(machine.stateDir, "models"));
    const engine = machine.engine();
    const file_path = await makeClip(machine.folder, "clip.mp4", { frames: 40, size: "48x32" });
    const wish = { file_path, resolution: 48, dit_model: "3b_fp16", batch_size: 5 };
    const { task_id } = await engine.call("submit_video_task", wish);
    await until(async () => (await keptBatches(machine, task_id)).length >= 2, "some batches are kept", 120);
    const pid = machine.enginePid();
    const worker = childOf(pid, "worker")!;
    process.kill(who === "engine" ? pid : worker, "SIGKILL");
    await until(() => !isAlive(worker), "the worker is gone");
    const before = await keptBatches(machine, task_id);
    const waiting = ended(engine, task_id, 150);
    let after = before;
    await until(
      async () => (after = await keptBatches(machine, task_id)).length > before.length,
      "it goes on behind the kept batches",
      120,
    );
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.map(({ first }) => first)).toEqual(after.map((_, index) => 5 * index));
    const done = await waiting;
    expect(done).toMatchObject({ status: "completed", frames_done: 40 });
    const again = await ended(engine, (await engine.call("submit_video_task", wish)).task_id, 150);
    expect(Buffer.compare(await readFile(done.output_path!), await readFile(again.output_path!))).toBe(0);
    expect((await machine.outputNames()).filter((name) => name.startsWith("."))).toEqual([]);
    // Cleared up once a task's end is told.
    await until(async () => (await readdir(join(machine.stateDir, "work"))).length === 0, "nothing of them is left");
  },
  400_000,
);

describe("a SeedVR2 task whose worker the system kills, as it does when memory runs out", () => {
  /** A clip of strips longer than the smallest tile, and the engine at work on it. */
  async function begun() {
    const machine = await TestMachine.make();
    await tinyModel(join(machine.stateDir, "models"));
    const engine = machine.engine();
    const file_path = await makeClip(machine.folder, "strip.mp4", { frames: 30, size: "200x16" });
    const wish = { file_path, resolution: 32, dit_model: "3b_fp16" };
    const { task_id } = await engine.call("submit_video_task", wish);
    return { machine, engine, task_id };
  }

  /** Kills the worker once it has kept more batches than before, and answers how many that are. */
  async function killAtWork(machine: TestMachine, task_id: string, before: number): Promise<number> {
    let kept = 0;
    await until(async () => (kept = (await keptBatches(machine, task_id)).length) > before, "it is at work", 120);
    const worker = childOf(machine.enginePid(), "worker")!;
    process.kill(worker, "SIGKILL");
    await until(() => !isAlive(worker), "the worker is gone");
    return kept;
  }

  it("goes on in smaller tiles, which its notes and its name say", async () => {
    const { machine, engine, task_id } = await begun();
    await killAtWork(machine, task_id, 0);
    const done = await ended(engine, task_id, 150);
    expect(done).toMatchObject({ status: "completed", frames_done: 30, output_resolution: "400x32" });
    expect(done.output_filename).toContain("_vaeL");
    expect(done.notes).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Memory ran out with 400 pixels a side/),
        expect.stringMatching(/in tiles of 384 pixels/),
      ]),
    );
  }, 300_000);

  it("fails with advice when it happens again", async () => {
    const { machine, engine, task_id } = await begun();
    const kept = await killAtWork(machine, task_id, 0);
    await killAtWork(machine, task_id, kept);
    const failed = await ended(engine, task_id, 150);
    expect(failed).toMatchObject({
      status: "failed",
      error: expect.stringMatching(/ran out twice.*ask plan what fits/),
    });
  }, 300_000);
});

it.each([
  ["reads", "nut\0pipe:1"],
  ["encodes", "/segment-"],
])("a task whose ffmpeg that %s is killed goes on, to the same bytes, and leaves nothing", async (_does, command) => {
  const machine = await TestMachine.make({ SEEDVR2_SEGMENT_FRAMES: "20" });
  const engine = machine.engine();
  const file_path = await makeClip(machine.folder, "clip.mp4", { frames: 120, size: "128x96" });
  const { task_id } = await engine.call("submit_video_task", { file_path, scale: 2 });
  await until(async () => (await framesDone(engine, task_id)) > 25, "a segment is finished");
  const worker = childOf(machine.enginePid(), "worker")!;
  let found: number | undefined;
  await until(() => (found = childOf(worker, command)) !== undefined, "such an ffmpeg runs");
  process.kill(found!, "SIGKILL");
  const done = await ended(engine, task_id);
  expect(done).toMatchObject({ status: "completed", frames_done: 120 });
  const again = await ended(engine, (await engine.call("submit_video_task", { file_path, scale: 2 })).task_id);
  expect(Buffer.compare(await readFile(done.output_path!), await readFile(again.output_path!))).toBe(0);
  await expect(stat(join(machine.stateDir, "work", task_id))).rejects.toMatchObject({ code: "ENOENT" });
});

it("a clip becomes a folder of pictures, replaced only if it holds nothing else", async () => {
  const machine = await TestMachine.make();
  const engine = machine.engine();
  const file_path = await makeClip(machine.folder, "clip.mp4", { frames: 4 });
  const wish = { file_path, scale: 1, codec: "png_sequence" as const };
  const named = await ended(engine, (await engine.call("submit_video_task", wish)).task_id);
  expect(named).toMatchObject({ status: "completed", output_filename: expect.stringMatching(/^clip_builtin.*\d+s$/) });
  expect(await readdir(named.output_path!)).toHaveLength(5);
  const output_path = join(machine.folder, "frames");
  const submit = (overwrite: boolean) => engine.call("submit_video_task", { ...wish, output_path, overwrite });
  expect((await ended(engine, (await submit(false)).task_id)).output_path).toBe(output_path);
  await expect(submit(false)).rejects.toMatchObject({
    code: "wrong_state",
    message: expect.stringMatching(/overwrite/),
  });
  const file = join(output_path, "frame_000001.png");
  const before = await stat(file);
  expect((await ended(engine, (await submit(true)).task_id)).status).toBe("completed");
  expect((await stat(file)).mtimeMs).toBeGreaterThan(before.mtimeMs);
  const refused = engine.call("submit_video_task", { ...wish, output_path: machine.folder, overwrite: true });
  await expect(refused).rejects.toMatchObject({ message: expect.stringMatching(/holds other files/) });
});
