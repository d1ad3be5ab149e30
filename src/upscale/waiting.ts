import type { Caller, Engine, TaskResult } from "../../engine/index.ts";
import type { ProgressView } from "./progress.ts";

export interface Wait {
  readonly id: string;
  /** Seconds in all; without it until the task has ended. */
  readonly timeout?: number | undefined;
  readonly signal: AbortSignal;
  readonly progress: ProgressView;
  /** Whose output folder a result from an engine elsewhere is downloaded to. */
  readonly caller?: Caller;
}

/** A call waits a day at most; a task may take longer. */
const longestCall = 86_400;

/** Waits for a task, showing its progress, and answers its state at the end (or at the time limit). */
export async function finalState(engine: Engine, wait: Wait): Promise<TaskResult> {
  const options = {
    signal: wait.signal,
    onStatus: (task: TaskResult) => wait.progress.update(task),
    caller: wait.caller,
  };
  try {
    for (;;) {
      const timeout = wait.timeout ?? longestCall;
      const task = await engine.call("wait_for_task", { task_id: wait.id, timeout }, options);
      if (!task.timed_out || wait.timeout !== undefined) return task;
    }
  } finally {
    wait.progress.end();
  }
}
