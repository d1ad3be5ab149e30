import type { Engine, OperationInput, TaskResult } from "../../engine/index.ts";
import type { Settings } from "../config.ts";
import { withEngine } from "../connection.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson, printLine } from "../failure.ts";
import { showProgress } from "../upscale/progress.ts";
import { finalState } from "../upscale/waiting.ts";
import { table } from "../table.ts";

export interface ListWish {
  readonly json: boolean;
  readonly history: OperationInput<"get_queue_history">;
}

/** What runs, what waits and what has ended. */
export async function listTasks(settings: Settings, wish: ListWish): Promise<number> {
  const [queue, { history }] = await withEngine(settings, (engine) =>
    Promise.all([engine.call("get_queue_status", {}), engine.call("get_queue_history", wish.history)]),
  );
  const running = queue.processing;
  if (wish.json) {
    if (running) printJson({ id: running.task_id, status: "processing", progress: running.progress });
    for (const waiting of queue.pending_tasks) {
      printJson({ id: waiting.task_id, status: "queued", position: waiting.position });
    }
    for (const ended of history) printJson(ended);
    return 0;
  }
  const rows = [
    ...(running ? [[running.task_id, "processing", `${Math.round(running.progress)} %`, running.model]] : []),
    ...queue.pending_tasks.map(({ task_id, position }) => [task_id, "queued", `number ${position}`, ""]),
    ...history.map((ended) => [
      ended.id,
      ended.status,
      ended.output_resolution ?? "",
      ended.output_filename ?? ended.completed_at ?? "",
    ]),
  ];
  if (rows.length) printLine(table(["task", "state", "", ""], rows));
  else process.stderr.write("There are no tasks.\n");
  return 0;
}

/** Shows a task's state, or ends or restarts it; the id is what scripts want back. */
export async function actOnTask(
  settings: Settings,
  action: "get_task_status" | "cancel_task" | "retry_task",
  wish: { readonly id: string; readonly json: boolean },
): Promise<number> {
  const answer = await withEngine(settings, (engine) => engine.call(action, { task_id: wish.id }));
  if (wish.json) printJson(answer);
  else if (action === "get_task_status") printLine(stateLines(answer as TaskResult).join("\n"));
  else printLine(`${wish.id} ${answer.status}`);
  return 0;
}

/** Waits for a task with progress on stderr; Ctrl-C ends the waiting, not the task. */
export async function waitForTask(
  settings: Settings,
  wish: { readonly id: string; readonly json: boolean; readonly timeout: number | undefined },
): Promise<number> {
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once("SIGINT", stop);
  try {
    const task = await withEngine(settings, (engine: Engine) =>
      finalState(engine, {
        id: wish.id,
        timeout: wish.timeout,
        signal: interrupted.signal,
        progress: showProgress(wish.id),
      }),
    );
    return reportTask(task, wish.json);
  } finally {
    process.off("SIGINT", stop);
  }
}

/** Prints an ended task's result and answers its exit code; one that has not ended counts as a failure. */
export function reportTask(task: TaskResult, json: boolean): number {
  if (json) printJson(task);
  else if (task.status === "completed") printLine(task.output_path ?? task.id);
  const said = task.status === "completed" ? noteLines(task) : stateLines(task);
  if (said.length) process.stderr.write(`${said.join("\n")}\n`);
  if (task.status === "completed") return 0;
  return task.status === "cancelled" ? exitCodes.cancelled : 1;
}

function stateLines(task: TaskResult): string[] {
  const frames = task.frames_total === null ? "" : `, ${task.frames_done} of ${task.frames_total} frames`;
  return [
    `${task.id} ${task.status}, ${Math.round(task.progress)} %${frames}${task.stage ? `, ${task.stage}` : ""}`,
    ...(task.output_path ? [task.output_path] : []),
    ...(task.error ? [`error: ${task.error}`] : []),
    ...noteLines(task),
  ];
}

function noteLines(task: TaskResult): string[] {
  return task.notes.map((note) => `note:  ${note}`);
}
