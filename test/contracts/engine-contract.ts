import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Engine } from "../../engine/index.ts";
import { makeClip, makePicture } from "../system/media.ts";
import { TestMachine, until } from "../system/program.ts";

const refusals = [
  ["get_task_status", { task_id: "zzzzzzzz" }, "not_found"],
  ["get_task_status", { task_id: "bad id" }, "invalid_parameter"],
  ["get_queue_history", { limit: 0 }, "invalid_parameter"],
  ["get_queue_history", { limti: 3 }, "invalid_parameter"],
  ["switch_model", { model: "no such model" }, "not_found"],
  ["cancel_task", { task_id: "zzzzzzzz" }, "not_found"],
] as const;

/** What an implementation cannot do, with the reason. */
export type Exceptions = Readonly<Partial<Record<"chooses names of results", string>>>;

/**
 * What every engine must do, whoever asks and from wherever: the surfaces cannot tell implementations apart. `open`
 * gets a machine of the test's own.
 */
export function engineContract(
  name: string,
  open: (machine: TestMachine) => Promise<Engine>,
  except: Exceptions = {},
): void {
  describe(`engine: ${name}`, () => {
    it("does a picture from submission to file, and says so in status, position, history and queue", async () => {
      const machine = await TestMachine.make();
      const engine = await open(machine);
      const file_path = await makePicture(machine.folder, "p.png");
      const submitted = await engine.call("submit_image_task", { file_path, scale: 2, batch_size: 1 });
      expect(submitted).toMatchObject({ status: "queued", queue_position: 1 });
      expect(submitted.estimated_wait_seconds).toBeGreaterThan(0);
      const { task_id } = submitted;
      const seen: number[] = [];
      const done = await engine.call(
        "wait_for_task",
        { task_id, timeout: 120 },
        { onStatus: (task) => seen.push(task.progress) },
      );
      expect(done).toMatchObject({ id: task_id, kind: "image", status: "completed", output_resolution: "80x60" });
      expect(seen.at(-1)).toBe(100);
      expect((await stat(done.output_path!)).size).toBeGreaterThan(0);
      expect(await engine.call("get_task_status", { task_id })).toEqual(done);
      expect(await engine.call("get_task_position", { task_id })).toMatchObject({ position: 0, estimated_wait: 0 });
      expect((await engine.call("get_queue_history", {})).history[0]).toMatchObject({
        id: task_id,
        status: "completed",
      });
      expect(await engine.call("get_queue_status", {})).toMatchObject({
        ...{ queue_length: 0, processing: null, processing_progress: 0, pending_tasks: [] },
        ...{ total_completed: 1, total_failed: 0, estimated_total_wait: 0 },
      });
      await engine.close();
    });

    it("ends waiting in time, without failing the task, and when told to, without cancelling it", async () => {
      const machine = await TestMachine.make();
      const engine = await open(machine);
      const file_path = await makeClip(machine.folder, "c.mp4", { frames: 200, size: "128x96" });
      const { task_id } = await engine.call("submit_video_task", { file_path, scale: 2 });
      const waited = await engine.call("wait_for_task", { task_id, timeout: 0.2 });
      expect(waited).toMatchObject({ timed_out: true, status: expect.stringMatching(/queued|processing/) });
      const abort = new AbortController();
      const waiting = engine.call("wait_for_task", { task_id, timeout: 60 }, { signal: abort.signal });
      abort.abort();
      await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
      expect((await engine.call("get_task_status", { task_id })).status).toMatch(/queued|processing/);
      expect((await engine.call("cancel_task", { task_id })).status).toBe("cancelled");
      await engine.close();
    });

    it("answers the same idempotency key with the same task", async () => {
      const machine = await TestMachine.make();
      const engine = await open(machine);
      const file_path = await makePicture(machine.folder, "p.png");
      const submit = () => engine.call("submit_task", { file_path, scale: 2, idempotency_key: "once" });
      const [first, second] = [await submit(), await submit()];
      expect(second).toMatchObject({ task_id: first.task_id, duplicate: true });
      expect(first.duplicate).toBeUndefined();
      await engine.call("wait_for_task", { task_id: first.task_id, timeout: 120 });
      await engine.close();
    });

    it("plans a task without doing anything", async () => {
      const machine = await TestMachine.make();
      const engine = await open(machine);
      const file_path = await makePicture(machine.folder, "p.png");
      const plan = await engine.call("plan", {
        file_path,
        resolution: 60,
        output_path: join(machine.folder, "q.webp"),
      });
      expect(plan).toMatchObject({
        ...{ kind: "image", model: "builtin_x2.onnx", width: 80, height: 60, frames: 1, tiles: null, fits: true },
        ...{ expected_seconds: null, time_from: "not measured yet", suggestions: [] },
      });
      const missing = engine.call("plan", { file_path, dit_model: "3b_fp9" });
      await expect(missing).rejects.toMatchObject({
        code: "not_found",
        message: expect.stringMatching(/Did you mean/),
      });
      expect(await engine.call("get_queue_status", {})).toMatchObject({ queue_length: 0, total_completed: 0 });
      await engine.close();
    });

    it("refuses what is not there and what is not allowed, each by its code", async () => {
      const machine = await TestMachine.make();
      const engine = await open(machine);
      for (const [operation, input, code] of refusals) {
        const refused = engine.call(operation, input as never);
        await expect(refused, `${operation} ${JSON.stringify(input)}`).rejects.toMatchObject({
          code,
          name: "EngineError",
        });
      }
      await engine.close();
    });

    it.skipIf(except["chooses names of results"])("writes to the path it is given and never over a file", async () => {
      const machine = await TestMachine.make();
      const engine = await open(machine);
      const file_path = await makePicture(machine.folder, "p.png");
      const output_path = join(machine.folder, "deep", "down", "result.webp");
      const submit = (overwrite: boolean) =>
        engine.call("submit_task", { file_path, scale: 2, output_path, overwrite });
      const { task_id } = await submit(false);
      await until(async () => (await engine.call("get_task_status", { task_id })).status === "completed", "it is done");
      await expect(submit(false)).rejects.toMatchObject({ code: "wrong_state" });
      const again = await submit(true);
      const done = await engine.call("wait_for_task", { task_id: again.task_id, timeout: 120 });
      expect(done).toMatchObject({ status: "completed", output_path });
      await engine.close();
    });
  });
}
