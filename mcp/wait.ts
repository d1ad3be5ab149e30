import type { Caller, Engine, OperationOutput, TaskResult } from "../engine/index.ts";
import type { ProgressReporter } from "./progress.ts";

/** How one call to a tool may wait. */
export interface Patience {
  /** Most seconds until the answer, whatever the caller asks for; Infinity where nobody cuts the call off. */
  readonly limitSeconds: number;
  /** Aborted when the client cancels the call or is gone; ends the waiting, never the task. */
  readonly signal: AbortSignal;
  readonly engine: () => Promise<Engine>;
  readonly caller: Caller | undefined;
}

/** Parameters of wait_for_task as its schema gives them, defaults filled in. */
export interface WaitInput {
  readonly task_id: string;
  readonly timeout: number;
  readonly poll_interval: number;
}

/**
 * Waits for a task within the caller's time-out and the limit, starting the engine included, so that the answer
 * (`timed_out`, call again) comes before the host cuts the call off.
 */
export async function waitForTask(
  input: WaitInput,
  patience: Patience,
  progress: ProgressReporter | undefined,
): Promise<TaskResult> {
  const left = countdown(Math.min(input.timeout, patience.limitSeconds));
  const { signal, caller } = patience;
  try {
    const engine = await patience.engine();
    const onStatus = progress && ((task: TaskResult) => progress.update(task));
    return await engine.call("wait_for_task", { ...input, timeout: left() }, { signal, caller, onStatus });
  } finally {
    await progress?.end();
  }
}

/** Loads a model; when the limit is reached first the answer is `loading` and the engine goes on loading it. */
export async function switchModel(
  input: { readonly model: string; readonly download: boolean },
  patience: Patience,
): Promise<OperationOutput<"switch_model">> {
  const left = countdown(patience.limitSeconds);
  const engine = await patience.engine();
  const loading = engine.call("switch_model", input, { signal: patience.signal, caller: patience.caller });
  if (patience.limitSeconds === Infinity) return loading;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<OperationOutput<"switch_model">>((resolve) => {
    timer = setTimeout(() => resolve({ status: "loading", model: input.model }), left() * 1000);
  });
  return Promise.race([loading, limit]).finally(() => clearTimeout(timer));
}

/** Seconds left of `seconds` from now on. */
function countdown(seconds: number): () => number {
  const end = performance.now() + seconds * 1000;
  return () => Math.max(0, (end - performance.now()) / 1000);
}
