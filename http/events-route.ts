import { streamSSE } from "hono/streaming";
import type { SSEStreamingApi } from "hono/streaming";
import { asEngineError, parameterSchemas } from "../engine/index.ts";
import type { OperationOutput, TaskState } from "../engine/index.ts";
import type { HttpApp, HttpContext, HttpOptions } from "./options.ts";
import { valueFromPath } from "./text-values.ts";

type Watched = OperationOutput<"watch_task">;
type Watch = (after: number, waitSeconds: number) => Promise<Watched>;

/** How often something is sent, so that nothing on the way takes the connection for dead. */
const heartbeatSeconds = 15;

/**
 * Adds GET /api/tasks/{task_id}/events: server-sent events, the status object at once and at each change. It ends after
 * the final state; when watching fails on the way, with an event "error" that holds what REST would answer.
 */
export function addEventsRoute(app: HttpApp, options: HttpOptions): void {
  app.get("/api/tasks/:task_id/events", async (c) => {
    const watch = watcher(c, options);
    // Asked before the stream begins, so that an unknown task is answered as such.
    const first = await watch(0, 0);
    c.header("X-Accel-Buffering", "no");
    return streamSSE(c, async (stream) => {
      try {
        await sendChanges(stream, first, watch);
      } catch (error) {
        if (stream.aborted || c.req.raw.signal.aborted) return;
        const { code, message } = asEngineError(error);
        await stream.writeSSE({ event: "error", data: JSON.stringify({ error: message, code }) });
      }
    });
  });
}

function watcher(c: HttpContext, { engine, caller }: HttpOptions): Watch {
  const id = valueFromPath("task_id", parameterSchemas.taskId, c.req.param("task_id") ?? "");
  const signal = c.req.raw.signal;
  return (after, waitSeconds) =>
    engine.call("watch_task", { task_id: id, after, wait_seconds: waitSeconds }, { caller, signal });
}

async function sendChanges(stream: SSEStreamingApi, first: Watched, watch: Watch): Promise<void> {
  let seen = first;
  await stream.writeSSE({ id: String(seen.revision), data: JSON.stringify(seen.task) });
  while (!isFinal(seen.task.status) && !stream.aborted) {
    const next = await watch(seen.revision, heartbeatSeconds);
    if (next.revision === seen.revision) await stream.write(": still here\n\n");
    else await stream.writeSSE({ id: String(next.revision), data: JSON.stringify(next.task) });
    seen = next;
  }
}

function isFinal(state: TaskState): boolean {
  return state !== "queued" && state !== "processing";
}
