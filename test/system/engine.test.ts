import { rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeClip, makePicture } from "./media.ts";
import { TestMachine, childOf, ended, environmentOf, isAlive, until } from "./program.ts";

it("enlarges a picture and a clip to files under the contract's names", async () => {
  const machine = await TestMachine.make();
  const engine = machine.engine();
  const picture = await makePicture(machine.folder, "a photo.png");
  const clip = await makeClip(machine.folder, "clip.mp4", { frames: 25 });
  const first = await engine.call("submit_image_task", { file_path: picture, scale: 2 });
  const second = await engine.call("submit_video_task", { file_path: clip, resolution: 96 });
  expect(first).toMatchObject({ status: "queued", task_id: expect.stringMatching(/^[0-9a-z]{8}$/) });
  expect(await ended(engine, first.task_id)).toMatchObject({
    status: "completed",
    progress: 100,
    output_filename: expect.stringMatching(/^a photo_builtin_x2_60p_b1_clab_s42_\d+s\.png$/),
    output_resolution: "80x60",
    params: { dit_model: "builtin_x2.onnx", resolution: 60, seed: 42 },
  });
  const done = await ended(engine, second.task_id);
  expect(done).toMatchObject({ status: "completed", output_resolution: "128x96", frames_done: 25, frames_total: 25 });
  expect((await stat(done.output_path!)).size).toBeGreaterThan(1000);
  expect(await machine.outputNames()).toHaveLength(2);
});

it("lets two outputs of one name stand beside each other", async () => {
  const machine = await TestMachine.make();
  const engine = machine.engine();
  const picture = await makePicture(machine.folder, "p.png");
  const ids = [];
  for (let i = 0; i < 3; i++)
    ids.push((await engine.call("submit_image_task", { file_path: picture, scale: 1.5 })).task_id);
  for (const id of ids) expect((await ended(engine, id)).status).toBe("completed");
  expect(new Set(await machine.outputNames()).size).toBe(3);
});

it("takes 200 submissions at once from 20 clients, numbers them rightly and does them in order", async () => {
  const machine = await TestMachine.make();
  const picture = await makePicture(machine.folder, "p.png", 4, 4);
  const clients = Array.from({ length: 20 }, () => machine.engine());
  const submitted = await Promise.all(
    clients.flatMap((engine) =>
      Array.from({ length: 10 }, () => engine.call("submit_image_task", { file_path: picture, scale: 2 })),
    ),
  );
  const ids = submitted.map((each) => each.task_id);
  expect(new Set(ids).size).toBe(200);
  const engine = clients[0]!;
  const { pending_tasks } = await engine.call("get_queue_status", {});
  const positions = pending_tasks.map((task) => task.position);
  expect(positions).toEqual(positions.map((_, index) => positions[0]! + index));
  await Promise.all(ids.map((id) => ended(engine, id, 300)));
  const { history } = await engine.call("get_queue_history", { limit: 200 });
  const { total_completed } = await engine.call("get_queue_status", {});
  expect(total_completed).toBe(200);
  const byEnd = history.map((task) => task.created_at);
  expect(byEnd).toEqual([...byEnd].sort().reverse());
}, 300_000);

it("cancels a running and a waiting task and leaves nothing of them", async () => {
  const machine = await TestMachine.make({ SEEDVR2_SEGMENT_FRAMES: "5" });
  const engine = machine.engine();
  const clip = await makeClip(machine.folder, "long.mp4", { frames: 500, size: "128x96" });
  const running = await engine.call("submit_video_task", { file_path: clip, scale: 2 });
  const waiting = await engine.call("submit_video_task", { file_path: clip, scale: 2 });
  await until(
    async () => (await engine.call("get_task_status", { task_id: running.task_id })).frames_done > 6,
    "it runs",
  );
  expect((await engine.call("cancel_task", { task_id: waiting.task_id })).status).toBe("cancelled");
  expect((await engine.call("cancel_task", { task_id: running.task_id })).status).toBe("cancelled");
  expect(await machine.outputNames()).toEqual([]);
  await expect(stat(join(machine.stateDir, "work", running.task_id))).rejects.toThrow();
  await expect(engine.call("cancel_task", { task_id: running.task_id })).rejects.toMatchObject({ code: "wrong_state" });
});

it("goes on from the last finished segment when the engine is killed, with a waiter that goes on waiting", async () => {
  const machine = await TestMachine.make({ SEEDVR2_SEGMENT_FRAMES: "5" });
  const engine = machine.engine();
  const clip = await makeClip(machine.folder, "c.mp4", { frames: 60, size: "128x96" });
  const { task_id } = await engine.call("submit_video_task", { file_path: clip, scale: 2 });
  const waiting = ended(engine, task_id);
  await until(
    async () => (await engine.call("get_task_status", { task_id })).frames_done > 20,
    "some segments are there",
  );
  const pid = machine.enginePid();
  const worker = childOf(pid, "worker");
  process.kill(pid, "SIGKILL");
  await until(() => worker !== undefined && !isAlive(worker), "the worker has ended with its engine", 5);
  await until(() => machine.enginePid() !== pid, "another engine is there", 10);
  const resumedAt: number[] = [];
  await until(async () => {
    const { frames_done, status } = await engine.call("get_task_status", { task_id });
    if (status === "processing" && frames_done > 0) resumedAt.push(frames_done);
    return frames_done >= 20;
  }, "it goes on");
  expect(await waiting).toMatchObject({ status: "completed", frames_done: 60 });
  expect(resumedAt[0], "what was finished is not done again").toBeGreaterThanOrEqual(5);
  expect(await machine.outputNames()).toHaveLength(1);
});

it("tries a task again when its worker is killed, and gives it up when that happens twice at one place", async () => {
  const machine = await TestMachine.make({ SEEDVR2_SEGMENT_FRAMES: "5000" });
  const engine = machine.engine();
  const clip = await makeClip(machine.folder, "c.mp4", { frames: 3000, size: "128x96" });
  const picture = await makePicture(machine.folder, "p.png");
  const { task_id } = await engine.call("submit_video_task", { file_path: clip, scale: 2 });
  const next = await engine.call("submit_image_task", { file_path: picture, scale: 2 });
  const seen = new Set<number>();
  while (seen.size < 2) {
    await until(() => {
      const worker = childOf(machine.enginePid(), "worker");
      return worker !== undefined && !seen.has(worker);
    }, "a worker runs");
    const worker = childOf(machine.enginePid(), "worker")!;
    seen.add(worker);
    process.kill(worker, "SIGKILL");
  }
  const failed = await ended(engine, task_id);
  expect(failed).toMatchObject({ status: "failed", error: expect.stringMatching(/died 2 times.*smaller resolution/) });
  expect((await ended(engine, next.task_id)).status).toBe("completed");
});

it("ends the worker when memory is released, and loads again for the next task", async () => {
  const machine = await TestMachine.make();
  const engine = machine.engine();
  const picture = await makePicture(machine.folder, "p.png");
  expect(await engine.call("switch_model", { model: "builtin_x2" })).toEqual({
    status: "loaded",
    model: "builtin_x2.onnx",
  });
  const worker = childOf(machine.enginePid(), "worker")!;
  expect(environmentOf(worker), "native code reports nothing to its makers").toContain("ORT_DISABLE_TELEMETRY=1");
  expect(await engine.call("get_gpu_status", {})).toMatchObject({
    ...{ cuda_available: false, gpu_name: null, vram_used_mb: 0, vram_total_mb: 0 },
    ...{ model_loaded: true, current_model: "builtin_x2.onnx", processing: false, device: "cpu" },
  });
  expect(await engine.call("release_gpu_memory", {})).toEqual({ status: "success", message: "GPU memory released" });
  expect(isAlive(worker)).toBe(false);
  expect(await engine.call("get_gpu_status", {})).toMatchObject({ model_loaded: false, device: null });
  const { task_id } = await engine.call("submit_image_task", { file_path: picture, scale: 2 });
  expect((await ended(engine, task_id)).status).toBe("completed");
});

it("starts one engine however many ask for it at once, and ends it when asked", async () => {
  const machine = await TestMachine.make();
  const engines = Array.from({ length: 5 }, () => machine.engine());
  const found = await Promise.all(engines.map((engine) => engine.call("describe_engine", {})));
  expect(new Set(found.map((each) => each.pid)).size).toBe(1);
  await engines[0]!.call("stop_engine", {});
  await until(() => !isAlive(found[0]!.pid), "the engine has ended");
  expect((await engines[1]!.call("get_health", {})).status).toBe("healthy");
});

it("ends the worker when it has been idle for GPU_IDLE_TIMEOUT", async () => {
  const machine = await TestMachine.make({ GPU_IDLE_TIMEOUT: "1" });
  const engine = machine.engine();
  await engine.call("switch_model", { model: "builtin_x2" });
  const worker = childOf(machine.enginePid(), "worker")!;
  await until(() => !isAlive(worker), "the worker has ended");
  expect((await engine.call("get_gpu_status", {})).model_loaded).toBe(false);
});

it("ends by itself when it is not needed", async () => {
  const machine = await TestMachine.make({ SEEDVR2_ENGINE_IDLE: "1" });
  const { pid } = await machine.engine().call("describe_engine", {});
  await until(() => !isAlive(pid), "the engine has ended");
});

it("retries a cancelled task under its id, and refuses when its file is gone", async () => {
  const machine = await TestMachine.make();
  const engine = machine.engine();
  const clip = await makeClip(machine.folder, "c.mp4", { frames: 100 });
  const { task_id } = await engine.call("submit_video_task", { file_path: clip, scale: 2 });
  await engine.call("cancel_task", { task_id });
  await rename(clip, `${clip}.away`);
  await expect(engine.call("retry_task", { task_id })).rejects.toMatchObject({ code: "not_found" });
  await writeFile(clip, "");
  await expect(engine.call("retry_task", { task_id })).rejects.toMatchObject({ code: "unreadable_media" });
  await rename(`${clip}.away`, clip);
  expect(await engine.call("retry_task", { task_id })).toMatchObject({ status: "queued", task_id });
  expect((await ended(engine, task_id)).status).toBe("completed");
});
