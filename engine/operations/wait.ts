import type { CallOptions, Engine } from "../engine.ts";
import { EngineError } from "../errors.ts";
import type { OperationOutput } from "./operations.ts";
import type { TaskResult } from "../schemas/results.ts";

/** A watch is renewed this often, so that an engine that died is noticed. Seconds. */
const WATCH = 20;

/**
 * Waits until a task has ended or `timeout` seconds are over; then `timed_out` is true and the task goes on. Tells
 * `onStatus` of each change. Built on watch_task, so that it is the same for every engine. Rejects with `cancelled`
 * when the signal ends the waiting.
 */
export async function waitForTask(
  engine: Engine,
  input: { task_id: string; timeout: number },
  options: CallOptions,
): Promise<OperationOutput<"wait_for_task">> {
  const end = Date.now() + input.timeout * 1000;
  let after = 0;
  for (;;) {
    const left = Math.max(0, end - Date.now()) / 1000;
    const watch = { task_id: input.task_id, after, wait_seconds: Math.min(WATCH, left) };
    const { revision, task } = await engine.call("watch_task", watch, options);
    if (options.signal?.aborted) throw new EngineError("cancelled", { what: "Waiting was cancelled." });
    if (revision !== after) options.onStatus?.(task);
    if (hasEnded(task)) return task;
    if (left <= 0) return { ...task, timed_out: true };
    after = revision;
  }
}

function hasEnded(task: TaskResult): boolean {
  return task.status !== "queued" && task.status !== "processing";
}
