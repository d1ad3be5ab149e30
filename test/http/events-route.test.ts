import { expect, test } from "vitest";
import { EngineError } from "../../engine/index.ts";
import type { CallOptions, TaskResult } from "../../engine/index.ts";
import { aTask, StandInEngine } from "../stand-in-engine.ts";
import { deferred, serve } from "./serving.ts";

const path = "/api/tasks/k3x9a2pq/events";

interface WatchInput {
  after: number;
  wait_seconds: number;
}
type Step = { revision: number; task: TaskResult } | EngineError;

/** An engine whose task goes through these steps, one a call. */
function stepping(...steps: Step[]): StandInEngine {
  return new StandInEngine({
    watch_task: () => {
      const step = steps.shift();
      if (!step || step instanceof EngineError) throw step ?? new EngineError("internal", { what: "No step left." });
      return step;
    },
  });
}

const at = (revision: number, changes: Partial<TaskResult>): Step => ({ revision, task: aTask(changes) });

test("each change is an event with the status object, until the task has ended", async () => {
  const engine = stepping(
    at(3, { status: "queued", progress: 0 }),
    at(5, { progress: 42 }),
    at(5, { progress: 42 }),
    at(9, { status: "completed", progress: 100, notes: ["line\nbreak"] }),
  );
  const served = await serve(engine);
  const response = await fetch(served.url + path);
  expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  expect(response.headers.get("x-accel-buffering")).toBe("no");
  const event = (revision: number, changes: Partial<TaskResult>) =>
    `data: ${JSON.stringify(aTask(changes))}\nid: ${revision}\n\n`;
  expect(await response.text()).toBe(
    event(3, { status: "queued", progress: 0 }) +
      event(5, { progress: 42 }) +
      ": still here\n\n" +
      event(9, { status: "completed", progress: 100, notes: ["line\nbreak"] }),
  );
  const asked = engine.calls.map((call) => call.input as WatchInput);
  expect(asked.map(({ after, wait_seconds }) => [after, wait_seconds])).toEqual([
    [0, 0],
    [3, 15],
    [5, 15],
    [5, 15],
  ]);
});

test.each(["completed", "failed", "cancelled"] as const)("a task that is %s is told once", async (status) => {
  const engine = stepping(at(1, { status }));
  const served = await serve(engine);
  expect(await (await fetch(served.url + path)).text()).toContain(`"status":"${status}"`);
  expect(engine.calls.length).toBe(1);
});

test("an unknown task is answered as such, not as a stream", async () => {
  const served = await serve(stepping(new EngineError("not_found", { what: "There is no task k3x9a2pq." })));
  const response = await fetch(served.url + path);
  expect([response.status, await response.json()]).toEqual([
    404,
    { error: "There is no task k3x9a2pq.", code: "not_found" },
  ]);
});

test("a failure on the way is the last event", async () => {
  const served = await serve(stepping(at(1, {}), new EngineError("stopping", { what: "The engine is stopping." })));
  const read = await (await fetch(served.url + path)).text();
  expect(read.split("\n\n")[1]).toBe('event: error\ndata: {"error":"The engine is stopping.","code":"stopping"}');
});

test("watching ends when the client goes", async () => {
  const [watching, ended] = [deferred<void>(), deferred<string>()];
  const client = new AbortController();
  const engine = new StandInEngine({
    watch_task: (input: WatchInput, options?: CallOptions) => {
      if (input.after === 0) return at(1, {});
      return new Promise((_, reject) => {
        options!.signal!.addEventListener("abort", () => {
          ended.resolve("ended");
          reject(new EngineError("cancelled", { what: "Watching ended." }));
        });
        watching.resolve();
      });
    },
  });
  const served = await serve(engine);
  const response = await fetch(served.url + path, { signal: client.signal });
  await watching.promise;
  client.abort();
  await expect(response.text()).rejects.toThrow();
  expect(await ended.promise).toBe("ended");
});
