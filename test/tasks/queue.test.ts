import { describe, expect, it, vi } from "vitest";
import { EngineError } from "../../engine/errors.ts";
import { Queue } from "../../engine/tasks/queue.ts";
import type { FetchEvents, RunEvents, TaskRunner } from "../../engine/tasks/queue.ts";
import type { Task, TaskOutcome } from "../../engine/tasks/task.ts";
import { MemoryTaskStore } from "../contracts/memory-task-store.ts";
import { aSubmission } from "../contracts/task-store-contract.ts";

type Run = (task: Task, events: RunEvents) => Promise<TaskOutcome>;

const done: TaskOutcome = { path: "/results/x.png", width: 2, height: 2, frames: 1, notes: [] };
const died = () => new EngineError("worker_died", { what: "The worker process ended unexpectedly (signal SIGKILL)." });

/** A runner's part for tasks that lack nothing. */
const complete = { lacks: async () => false, fetch: async () => {} };

/** A queue over a store in memory whose runner does what the test says. */
function aQueue(run: Run) {
  const store = new MemoryTaskStore(Date.now);
  const tidied: string[] = [];
  const states: string[] = [];
  const errors: unknown[] = [];
  const tidy = async (task: Task) => void tidied.push(`${task.id} ${task.state}`);
  const runner: TaskRunner = { ...complete, run, tidy };
  const ended = new Map<string, () => void>();
  const queue = new Queue({
    store,
    runner,
    now: Date.now,
    onError: (error) => errors.push(error),
    onChange: (task) => {
      states.push(`${task.id} ${task.state}`);
      if (!["queued", "processing"].includes(task.state)) ended.get(task.id)?.();
    },
  });
  const submit = async () => {
    const { task } = await store.enqueue(aSubmission());
    const end = new Promise<void>((resolve) => ended.set(task.id, resolve));
    queue.wake();
    return { id: task.id, end };
  };
  return { queue, store, submit, tidied, states, errors, runner };
}

/** A run that ends only when it is aborted. */
const untilAborted: Run = (_task, { signal }) =>
  new Promise((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(new EngineError("cancelled", { what: "Cancelled." }))),
  );

it("runs one task after the other, in order", async () => {
  const order: string[] = [];
  let running = 0;
  const { submit } = aQueue(async (task) => {
    expect(++running).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    order.push(task.id);
    return done;
  });
  const tasks = [await submit(), await submit(), await submit()];
  await Promise.all(tasks.map((task) => task.end));
  expect(order).toEqual(tasks.map((task) => task.id));
});

it("cancels a running task, removes what it left, and goes on with the next", async () => {
  let first = true;
  const { submit, queue, store, tidied } = aQueue((task, events) => {
    if (!first) return Promise.resolve(done);
    first = false;
    return untilAborted(task, events);
  });
  const [running, waiting] = [await submit(), await submit()];
  await queue.cancel(running.id);
  await waiting.end;
  expect((await store.get(running.id))?.state).toBe("cancelled");
  expect((await store.get(waiting.id))?.state).toBe("completed");
  expect(tidied[0]).toBe(`${running.id} cancelled`);
});

it("tries a task again when the worker dies once, and keeps its place before others", async () => {
  let runs = 0;
  const order: string[] = [];
  const { submit } = aQueue(async (task) => {
    if (++runs === 1) throw died();
    order.push(task.id);
    return done;
  });
  const [first, second] = [await submit(), await submit()];
  await Promise.all([first.end, second.end]);
  expect(order).toEqual([first.id, second.id]);
});

it("fails a task whose worker dies twice without a finished segment, and the next one runs", async () => {
  let runs = 0;
  const { submit, store } = aQueue(async () => {
    if (++runs <= 2) throw died();
    return done;
  });
  const [first, second] = [await submit(), await submit()];
  await Promise.all([first.end, second.end]);
  const failed = await store.get(first.id);
  expect(failed).toMatchObject({ state: "failed", error: { code: "worker_died", facts: { deaths: 2 } } });
  expect((await store.get(second.id))?.state).toBe("completed");
});

it("goes on over many deaths as long as each run finishes a segment", async () => {
  let runs = 0;
  const { submit, store } = aQueue(async (_task, events) => {
    if (++runs > 5) return done;
    events.onSegment();
    throw died();
  });
  const task = await submit();
  await task.end;
  expect(runs).toBe(6);
  expect((await store.get(task.id))?.state).toBe("completed");
});

it("fails a task at once for any other error, with its words", async () => {
  const { submit, store } = aQueue(async () => {
    throw new EngineError("disk_full", { what: "The disk is full.", todo: "Free some space." });
  });
  const task = await submit();
  await task.end;
  expect(await store.get(task.id)).toMatchObject({
    state: "failed",
    error: { code: "disk_full", todo: "Free some space." },
  });
});

it("leaves a running task in the queue when it stops, and starts no other", async () => {
  const { submit, queue, store } = aQueue(untilAborted);
  const [running, waiting] = [await submit(), await submit()];
  await queue.stop();
  expect((await store.get(running.id))?.state).toBe("queued");
  expect((await store.get(waiting.id))?.state).toBe("queued");
  expect((await store.pending())[0]?.id).toBe(running.id);
});

it("goes on when clearing up after a task fails, and says so", async () => {
  const { submit, store, runner, errors } = aQueue(async () => {
    throw new EngineError("not_writable", { what: "No." });
  });
  runner.tidy = async () => {
    throw new EngineError("not_writable", { what: "The folder has become read-only." });
  };
  const [first, second] = [await submit(), await submit()];
  await Promise.all([first.end, second.end]);
  expect((await store.get(second.id))?.state).toBe("failed");
  await new Promise((resolve) => setImmediate(resolve));
  expect(errors).toHaveLength(2);
});

it("works on no task any more when it announces its end, so that what waits for that goes on", async () => {
  const store = new MemoryTaskStore(Date.now);
  const working: (string | undefined)[] = [];
  const queue: Queue = new Queue({
    ...{ store, now: Date.now, onError: () => {} },
    runner: { ...complete, run: async () => done, tidy: async () => {} },
    onChange: () => void working.push(queue.working?.state),
  });
  await store.enqueue(aSubmission());
  queue.wake();
  await vi.waitFor(() => expect(working).toEqual(["processing", undefined]));
});

describe("a task for which something must be fetched", () => {
  /** A queue whose first task lacks something until `end` is called, with an error or without. */
  function aQueueWithOneLacking() {
    const order: string[] = [];
    const at = aQueue(async (task) => {
      order.push(task.id);
      return done;
    });
    let fetched = false;
    let settle: (error?: EngineError) => void = () => undefined;
    const signals: AbortSignal[] = [];
    at.runner.lacks = async ({ id }) => id === "00000001" && !fetched;
    at.runner.fetch = (_task: Task, { signal, onStage }: FetchEvents) => {
      signals.push(signal);
      onStage("downloading a.safetensors 20 %");
      return new Promise<void>((resolve, reject) => {
        settle = (error) => {
          fetched = true;
          if (error) reject(error);
          else resolve();
        };
        signal.addEventListener("abort", () => reject(new EngineError("cancelled", { what: "Left." })));
      });
    };
    return { ...at, order, signals, end: (error?: EngineError) => settle(error) };
  }

  it("lets others run meanwhile, says how far it is, and runs when it is there", async () => {
    const { submit, queue, store, order, end } = aQueueWithOneLacking();
    const [lacking, other] = [await submit(), await submit()];
    await other.end;
    expect((await store.get(lacking.id))?.state).toBe("queued");
    expect(queue.progressOf(lacking.id)).toMatchObject({ stage: "downloading a.safetensors 20 %" });
    end();
    await lacking.end;
    expect(order).toEqual([other.id, lacking.id]);
    await vi.waitFor(() => expect(queue.progressOf(lacking.id)).toBeNull());
  });

  it("fails with the words of the fetch that failed", async () => {
    const { submit, store, order, tidied, end } = aQueueWithOneLacking();
    const [lacking, other] = [await submit(), await submit()];
    await other.end;
    end(new EngineError("download_failed", { what: "The server answered 404." }));
    await lacking.end;
    expect((await store.get(lacking.id))?.error).toMatchObject({ code: "download_failed" });
    await vi.waitFor(() => expect(tidied).toContain(`${lacking.id} failed`));
    expect(order).toEqual([other.id]);
  });

  it("leaves the fetch when it is cancelled, and does not run", async () => {
    const { submit, queue, store, order, signals } = aQueueWithOneLacking();
    const lacking = await submit();
    await vi.waitFor(() => expect(queue.progressOf(lacking.id)?.stage).toMatch(/^downloading/));
    await queue.cancel(lacking.id);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    await (
      await submit()
    ).end;
    expect(order).not.toContain(lacking.id);
    expect((await store.get(lacking.id))?.state).toBe("cancelled");
  });

  it("stays in the queue when that stops", async () => {
    const { submit, queue, store, signals } = aQueueWithOneLacking();
    const lacking = await submit();
    await vi.waitFor(() => expect(signals).toHaveLength(1));
    await queue.stop();
    expect(signals[0]?.aborted).toBe(true);
    expect((await store.get(lacking.id))?.state).toBe("queued");
  });
});
