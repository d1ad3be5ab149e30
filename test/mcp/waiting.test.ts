import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EngineError } from "../../engine/index.ts";
import type { CallOptions, TaskResult } from "../../engine/index.ts";
import { StandInEngine, aTask } from "../stand-in-engine.ts";
import { cancellation, deferred, initialize, pipeTo, sdkClient, toolRequest } from "./connection.ts";
import type { Pipe } from "./connection.ts";
import { completed } from "./examples.ts";

const task = { task_id: "k3x9a2pq" };
const modern = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };

describe("how long wait_for_task may take", () => {
  test.each([
    { client: "a script on a pipe", lines: [], meta: {}, timeout: 600, waits: 600 },
    { client: "a script that asks for little", lines: [], meta: {}, timeout: 3, waits: 3 },
    { client: "an initialized session", lines: [initialize("start")], meta: {}, timeout: 600, waits: 45 },
    {
      client: "an initialized session that asks for little",
      lines: [initialize("start")],
      meta: {},
      timeout: 3,
      waits: 3,
    },
    { client: "a client of the next era", lines: [], meta: modern, timeout: 600, waits: 45 },
  ])("$client: $waits of $timeout s", async ({ lines, meta, timeout, waits }) => {
    const engine = new StandInEngine({ wait_for_task: () => aTask({ timed_out: true }) });
    const pipe = await pipeTo(engine);
    pipe.send(...lines, toolRequest(1, "wait_for_task", { ...task, timeout }, meta));
    pipe.input.end();
    await pipe.closed;
    const asked = (engine.calls[0]?.input as { timeout: number }).timeout;
    expect(asked).toBeLessThanOrEqual(waits);
    expect(Math.ceil(asked)).toBe(waits);
    const { result } = pipe.messages.find(({ id }) => id === 1)!;
    expect(result).toMatchObject({ structuredContent: { timed_out: true, status: "processing" } });
    expect(result).not.toHaveProperty("isError");
  });
});

describe("with a clock of our own", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
  afterEach(() => void vi.useRealTimers());

  test("the time it takes to start the engine counts as waiting", async () => {
    const engine = new StandInEngine({ wait_for_task: () => aTask({ timed_out: true }) });
    const started = deferred<StandInEngine>();
    const client = await sdkClient(engine, { engine: () => started.promise });
    const result = client.callTool({ name: "wait_for_task", arguments: task });
    await vi.advanceTimersByTimeAsync(5_000);
    started.resolve(engine);
    await result;
    expect(engine.calls[0]?.input).toMatchObject({ timeout: 40 });
    await client.close();
  });

  test("switch_model answers loading when the time is used up, and its result when there is one", async () => {
    const loaded = deferred<object>();
    const engine = new StandInEngine({ switch_model: () => loaded.promise });
    const client = await sdkClient(engine);
    const call = () => client.callTool({ name: "switch_model", arguments: { model: "3b_fp8" } });
    const first = call();
    await vi.advanceTimersByTimeAsync(45_000);
    expect((await first).structuredContent).toMatchObject({ status: "loading", model: "3b_fp8" });
    const second = call();
    loaded.resolve({ status: "loaded", model: "seedvr2_ema_3b_fp8_e4m3fn.safetensors" });
    expect((await second).structuredContent).toMatchObject({ status: "loaded" });
    expect(vi.getTimerCount()).toBe(0);
    await client.close();
  });

  test("a script on a pipe waits for its model as long as it takes", async () => {
    const loaded = deferred<object>();
    const pipe = await pipeTo(new StandInEngine({ switch_model: () => loaded.promise }));
    pipe.input.end(JSON.stringify(toolRequest(1, "switch_model", { model: "3b_fp8" })));
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(pipe.messages).toHaveLength(0);
    loaded.resolve({ status: "loaded", model: "3b_fp8" });
    await pipe.closed;
    expect(pipe.messages[0]).toMatchObject({ result: { structuredContent: { status: "loaded" } } });
  });

  describe("progress", () => {
    test.each([0, "0", 7, "k"])("is sent for the token %j", async (token) => {
      const { pipe, report, finish } = await waitingTask({ progressToken: token });
      report(aTask());
      await settle();
      expect(progressOf(pipe)).toEqual([
        { progressToken: token, progress: 42, total: 100, message: "upscaling, 42 of 100 frames, 1 min 10 s left" },
      ]);
      await finish();
    });

    test("is not sent without a token", async () => {
      const { pipe, report, finish } = await waitingTask({});
      report(aTask());
      await vi.advanceTimersByTimeAsync(30_000);
      await finish();
      expect(progressOf(pipe)).toEqual([]);
      expect(vi.getTimerCount()).toBe(0);
    });

    test("comes at most twice a second, with the newest state", async () => {
      const { pipe, report, finish } = await waitingTask({ progressToken: 1 });
      for (let step = 0; step < 100; step++) {
        report(aTask({ progress: step, frames_done: step }));
        await vi.advanceTimersByTimeAsync(20);
      }
      const sent = progressOf(pipe);
      // Two seconds: one at the start, then one each half second.
      expect(sent.map(({ progress }) => progress)).toEqual([0, 24, 49, 74, 99]);
      await finish();
    });

    test("comes at least once in ten seconds, with the time that is left by then", async () => {
      const { pipe, report, finish } = await waitingTask({ progressToken: 1 });
      report(aTask({ eta: 70 }));
      await vi.advanceTimersByTimeAsync(40_000);
      const sent = progressOf(pipe);
      expect(sent).toHaveLength(5);
      expect(sent.map(({ message }) => message.replace(/.*frames, /, ""))).toEqual([
        "1 min 10 s left",
        "1 min 1 s left",
        "52 s left",
        "43 s left",
        "34 s left",
      ]);
      await finish();
    });

    test("comes while the engine is still starting", async () => {
      const { pipe, finish } = await waitingTask({ progressToken: 1 });
      await vi.advanceTimersByTimeAsync(10_000);
      expect(progressOf(pipe)).toMatchObject([{ message: "waiting for the engine" }]);
      await finish();
    });

    test("strictly increases below 100, also when the task goes back or says 100", async () => {
      const { pipe, report, finish } = await waitingTask({ progressToken: 1 });
      for (const progress of [0, 0, 50, 50, 20, 30, 99, 100, 100, 0]) {
        report(aTask({ progress }));
        await vi.advanceTimersByTimeAsync(600);
      }
      const values = progressOf(pipe).map(({ progress }) => progress);
      expect(values).toHaveLength(10);
      for (const [index, value] of values.entries()) {
        expect(value).toBeLessThan(100);
        if (index > 0) expect(value).toBeGreaterThan(values[index - 1]!);
      }
      await finish();
    });

    test("names the place in the queue while a task waits", async () => {
      const { pipe, report, finish } = await waitingTask({ progressToken: 1 });
      report(aTask({ status: "queued", queue_position: 3, progress: 0, eta: 240, stage: null }));
      await settle();
      expect(progressOf(pipe)).toMatchObject([{ message: "number 3 in the queue, 4 min left" }]);
      await finish();
    });

    test("is silent once the answer is given", async () => {
      const { pipe, report, finish } = await waitingTask({ progressToken: 1 });
      report(aTask({ progress: 10 }));
      report(aTask({ progress: 11 }));
      await finish();
      report(aTask({ progress: 12 }));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(pipe.messages.at(-1)).toMatchObject({ id: 1, result: { structuredContent: { status: "completed" } } });
      expect(progressOf(pipe)).toHaveLength(1);
      expect(vi.getTimerCount()).toBe(0);
    });

    test("is silent after a cancellation, and no answer comes", async () => {
      const { pipe, report, options } = await waitingTask({ progressToken: 1 });
      report(aTask({ progress: 10 }));
      await settle();
      pipe.send(cancellation(1));
      await settle();
      expect(options().signal?.aborted).toBe(true);
      report(aTask({ progress: 20 }));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(progressOf(pipe)).toHaveLength(1);
      expect(pipe.messages).toHaveLength(1);
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});

interface Sent {
  readonly progressToken: string | number;
  readonly progress: number;
  readonly total: number;
  readonly message: string;
}

function progressOf(pipe: Pipe): Sent[] {
  return pipe.messages.flatMap(({ method, params }) => (method === "notifications/progress" ? [params as never] : []));
}

interface WaitingTask {
  readonly pipe: Pipe;
  /** The engine tells of a change of the task. */
  readonly report: (state: TaskResult) => void;
  readonly options: () => CallOptions;
  /** The task completes; resolves when the call is answered. */
  readonly finish: () => Promise<void>;
}

/** A pipe with a wait_for_task under way, request 1. */
async function waitingTask(meta: object): Promise<WaitingTask> {
  const answer = deferred<TaskResult>();
  const called = deferred<CallOptions>();
  let options: CallOptions = {};
  const engine = new StandInEngine({
    wait_for_task: (_, given) => {
      options = given ?? {};
      called.resolve(options);
      const cancelled = new EngineError("cancelled", { what: "The waiting was cancelled." });
      const end = new Promise((_resolve, reject) => {
        options.signal?.addEventListener("abort", () => reject(cancelled));
      });
      return Promise.race([answer.promise, end]);
    },
  });
  const pipe = await pipeTo(engine);
  pipe.send(toolRequest(1, "wait_for_task", task, meta));
  await called.promise;
  const report = (state: TaskResult) => options.onStatus?.(state);
  const finish = async () => {
    answer.resolve(completed);
    await pipe.next((message) => message.id === 1);
  };
  return { pipe, report, options: () => options, finish };
}

/** Lets what is under way in streams and promises come to rest. */
const settle = () => vi.advanceTimersByTimeAsync(1);
