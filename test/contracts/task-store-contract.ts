import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TaskStore } from "../../engine/tasks/task-store.ts";
import type { Submission } from "../../engine/tasks/task.ts";

export interface StoreAtHand {
  readonly store: TaskStore;
  /** Lets time pass. Milliseconds. */
  readonly pass: (milliseconds: number) => void;
  readonly end: () => Promise<void>;
}

export function aSubmission(changes: Partial<Submission> = {}): Submission {
  return {
    kind: "video",
    inputPath: "/clips/a clip.mp4",
    inputName: "a clip.mp4",
    uploaded: false,
    parameters: {
      dit_model: "builtin_x2.onnx",
      batch_size: 5,
      color_correction: "lab",
      seed: 42,
      vae_tiling: "auto",
      vae_quality: "high",
      resolution: 720,
    },
    target: { width: 1280, height: 720 },
    frames: 10,
    output: { folder: "/results", path: null, format: "mp4", overwrite: false },
    notes: [],
    idempotencyKey: null,
    ...changes,
  };
}

/** What every task store must do. */
export function taskStoreContract(name: string, make: () => Promise<StoreAtHand>): void {
  describe(`task store: ${name}`, () => {
    let at: StoreAtHand;
    beforeEach(async () => void (at = await make()));
    afterEach(() => at.end());

    const add = async (changes: Partial<Submission> = {}) => (await at.store.enqueue(aSubmission(changes))).task;

    it("keeps what was submitted and gives it an id of 8 letters and digits", async () => {
      const task = await add();
      expect(task.id).toMatch(/^[0-9a-z]{8}$/);
      expect(await at.store.get(task.id)).toEqual(task);
      expect(task).toMatchObject({ ...aSubmission(), state: "queued", deaths: 0, startedAt: null });
    });

    it("hands out tasks in the order of their submission, each once", async () => {
      const ids = [(await add()).id, (await add()).id, (await add()).id];
      const claimed = [await at.store.claim(), await at.store.claim(), await at.store.claim(), await at.store.claim()];
      expect(claimed.map((task) => task?.id)).toEqual([...ids, undefined]);
      expect(claimed[0]?.state).toBe("processing");
    });

    it("does not count as work the time after a task was put back", async () => {
      const { id } = await add();
      await at.store.claim();
      await at.store.requeue(id, 0);
      await new Promise((resolve) => setTimeout(resolve, 30));
      await at.store.fail(id, { code: "download_failed", what: "It failed." } as never);
      expect((await at.store.get(id))?.worked).toBe(0);
    });

    it("hands out the next one where tasks are to be passed over", async () => {
      const [first, second] = [await add(), await add()];
      expect((await at.store.claim([first.id]))?.id).toBe(second.id);
      expect(await at.store.claim([first.id])).toBeUndefined();
      expect((await at.store.claim())?.id).toBe(first.id);
    });

    it("answers a known idempotency key with the first task, and equal submissions without one apart", async () => {
      const first = await at.store.enqueue(aSubmission({ idempotencyKey: "k" }));
      const again = await at.store.enqueue(aSubmission({ idempotencyKey: "k" }));
      expect(again).toEqual({ task: first.task, duplicate: true });
      expect((await add()).id).not.toBe((await add()).id);
    });

    it("puts a requeued task back to its old place, with its deaths and progress", async () => {
      const [first, second] = [await add(), await add()];
      await at.store.claim();
      const progress = { share: 0.5, stage: "upscaling", framesDone: 5, framesTotal: 10 };
      await at.store.progress(first.id, progress);
      await at.store.requeue(first.id, 1);
      expect((await at.store.pending()).map((task) => task.id)).toEqual([first.id, second.id]);
      expect(await at.store.claim()).toMatchObject({ id: first.id, deaths: 1, progress });
      await at.store.forgive(first.id);
      expect((await at.store.get(first.id))?.deaths).toBe(0);
    });

    it("lists the running task first, then the waiting ones", async () => {
      const [first, second] = [await add(), await add()];
      await at.store.claim();
      expect((await at.store.pending()).map(({ id, state }) => [id, state])).toEqual([
        [first.id, "processing"],
        [second.id, "queued"],
      ]);
    });

    it("remembers how a task ended, and when", async () => {
      const [done, bad, gone] = [await add(), await add(), await add()];
      const outcome = { path: "/results/x.mp4", width: 2, height: 2, frames: 10, notes: ["n"] };
      await at.store.claim();
      at.pass(2000);
      expect(await at.store.complete(done.id, outcome)).toMatchObject({ state: "completed", outcome });
      await at.store.claim();
      expect(await at.store.fail(bad.id, { code: "disk_full", what: "Full." })).toMatchObject({
        state: "failed",
        error: { code: "disk_full", what: "Full." },
      });
      at.pass(1);
      await at.store.cancel(gone.id);
      const all = await at.store.history(["completed", "failed", "cancelled"], 10);
      expect(all.map((task) => task.id)).toEqual([gone.id, bad.id, done.id]);
      expect(await at.store.history(["completed"], 10)).toHaveLength(1);
      expect(await at.store.totals()).toEqual({ completed: 1, failed: 1, averageSeconds: 2 });
    });

    it.each([
      ["completed", "cancel"],
      ["completed", "retry"],
      ["queued", "retry"],
      ["cancelled", "cancel"],
    ] as const)("refuses for a %s task to %s", async (state, move) => {
      const task = await add();
      if (state === "completed") {
        await at.store.claim();
        await at.store.complete(task.id, { path: "/x", width: 1, height: 1, frames: 1, notes: [] });
      }
      if (state === "cancelled") await at.store.cancel(task.id);
      await expect(at.store[move](task.id)).rejects.toMatchObject({ code: "wrong_state" });
      expect((await at.store.get(task.id))?.state).toBe(state);
    });

    it("queues a retried task at the end, as new", async () => {
      const [first, second] = [await add(), await add()];
      await at.store.cancel(first.id);
      await at.store.retry(first.id);
      expect((await at.store.pending()).map((task) => task.id)).toEqual([second.id, first.id]);
      expect(await at.store.get(first.id)).toMatchObject({
        state: "queued",
        deaths: 0,
        endedAt: null,
        startedAt: null,
      });
    });

    it("says which tasks there are when it does not know one", async () => {
      const task = await add();
      await expect(at.store.cancel("zzzzzzzz")).rejects.toMatchObject({
        code: "not_found",
        message: expect.stringContaining(task.id),
      });
      expect(await at.store.get("zzzzzzzz")).toBeUndefined();
    });
  });
}
