/**
 * How long a status call takes while a network runs on every processor: the tool get_task_status over a host's MCP
 * session, and GET /api/queue/status. Goal: under 50 ms. `npx tsx bench/status-latency.ts [--calls 200]`
 */
import assert from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { numberOptions, quantile, report, timed } from "./figures.ts";
import { OwnEngine } from "./own-engine.ts";
import { makeTestClip } from "./test-clip.ts";

/** Long enough for any number of calls; it is cancelled after them. */
const clip = { size: "640x360", frames: 5000 };
/** Milliseconds between calls, so that they meet the network at all its moments. */
const PAUSE = 23;

async function getQueueStatus(engine: OwnEngine): Promise<void> {
  const response = await fetch(engine.url("/api/queue/status"));
  const { processing } = (await response.json()) as { processing: unknown };
  assert(processing, "the task still runs while it is asked about");
}

/** Waits until frames come out: the network is running then. */
async function untilRunning(engine: OwnEngine, task_id: string): Promise<void> {
  for (;;) {
    const { status, frames_done, error } = await engine.call("get_task_status", { task_id });
    assert(status === "queued" || status === "processing", error ?? `the task is ${status}`);
    if (frames_done > 1) return;
    await delay(PAUSE);
  }
}

const { calls } = numberOptions({ calls: 200 });
const engine = await OwnEngine.make();
try {
  await engine.call("switch_model", { model: "builtin_x2" });
  const task_id = await engine.submit(await makeTestClip(engine.folder, clip));
  await untilRunning(engine, task_id);
  const asked = {
    "get_task_status (MCP over stdio)": () => engine.call("get_task_status", { task_id }),
    "GET /api/queue/status": () => getQueueStatus(engine),
  };
  for (const ask of Object.values(asked)) await ask(); // the first one loads what this process needs to ask
  const times = Object.entries(asked).map(([name, ask]) => ({ name, ask, measured: [] as number[] }));
  for (let call = 0; call < calls; call++) {
    for (const { ask, measured } of times) {
      measured.push(await timed(ask));
      await delay(PAUSE);
    }
  }
  await engine.call("cancel_task", { task_id });
  const milliseconds = (values: number[], share: number) => quantile(values, share).toFixed(1);
  report(
    [`${calls} calls each, ms (goal 50)`, "median", "99 %", "slowest"],
    times.map(({ name, measured }) => [name, ...[0.5, 0.99, 1].map((share) => milliseconds(measured, share))]),
  );
} finally {
  await engine.end();
}
