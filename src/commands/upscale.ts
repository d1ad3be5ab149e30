import { EngineError, asEngineError } from "../../engine/index.ts";
import type { Engine, OperationInput, TaskResult } from "../../engine/index.ts";
import { callerOf } from "../config.ts";
import type { Settings } from "../config.ts";
import { withEngine } from "../connection.ts";
import { exitCodes } from "../exit-codes.ts";
import { failureLines, printJson, printLine } from "../failure.ts";
import { listenForInterruption } from "../interruption.ts";
import { callerFor, findJobs, jobName, skippedText } from "../upscale/inputs.ts";
import type { Job } from "../upscale/inputs.ts";
import { showProgress } from "../upscale/progress.ts";
import { finalState } from "../upscale/waiting.ts";
import { reportTask } from "./tasks.ts";

export interface UpscaleWish {
  readonly inputs: readonly string[];
  readonly output: string | null;
  /** Task parameters by name, as given. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly detach: boolean;
  readonly json: boolean;
}

/** A job that the engine has taken. */
interface Submitted {
  readonly job: Job;
  readonly id: string;
}

/** Enlarges files with the engine that the settings mean; the exit code. */
export async function upscale(settings: Settings, wish: UpscaleWish): Promise<number> {
  const interruption = listenForInterruption();
  try {
    return await withEngine(settings, (engine) => upscaleWith(engine, { settings, wish, signal: interruption.signal }));
  } finally {
    interruption.end();
  }
}

/**
 * Enlarges files: all are submitted, then each is waited for. When the signal comes, what has not ended is cancelled.
 * The exit code is that of the one input, or 1 if any of several failed.
 */
export async function upscaleWith(
  engine: Engine,
  { settings, wish, signal }: { settings: Settings; wish: UpscaleWish; signal: AbortSignal },
): Promise<number> {
  const { jobs, skipped } = await findJobs(wish.inputs, wish.output, settings.values.OUTPUT_FOLDER);
  const skippedLine = skippedText(skipped);
  if (skippedLine) process.stderr.write(`${skippedLine}\n`);
  if (jobs.length > 1 && wish.parameters["idempotency_key"] !== undefined) {
    throw new EngineError("invalid_parameter", {
      what: `--idempotency-key marks one submission, but there are ${jobs.length} inputs.`,
      todo: "Submit them one by one, each with its own key.",
    });
  }
  const codes = await new UpscaleRun(engine, settings, wish, signal).all(jobs);
  if (signal.aborted) return exitCodes.cancelled;
  return codes.length === 1 ? codes[0]! : Number(codes.some(Boolean));
}

/** One run of the command: what it has submitted must be cancelled if it is interrupted. */
class UpscaleRun {
  readonly #engine: Engine;
  readonly #settings: Settings;
  readonly #wish: UpscaleWish;
  readonly #signal: AbortSignal;
  readonly #codes: number[] = [];
  readonly #warnings = new Set<string>();

  constructor(engine: Engine, settings: Settings, wish: UpscaleWish, signal: AbortSignal) {
    this.#engine = engine;
    this.#settings = settings;
    this.#wish = wish;
    this.#signal = signal;
  }

  /** The exit code of each job. */
  async all(jobs: readonly Job[]): Promise<number[]> {
    const submitted: Submitted[] = [];
    for (const job of jobs) {
      if (this.#signal.aborted) break;
      await this.#attempt(job, async () => {
        submitted.push(await this.#submit(job));
      });
    }
    if (this.#wish.detach) return this.#codes;
    for (const [index, { job, id }] of submitted.entries()) {
      await this.#attempt(job, async () => {
        this.#codes.push(reportTask(await this.#wait(job, id), this.#wish.json));
      });
      if (this.#signal.aborted) {
        await this.#cancel(submitted.slice(index));
        break;
      }
    }
    return this.#codes;
  }

  async #submit(job: Job): Promise<Submitted> {
    const input = {
      ...this.#wish.parameters,
      file_path: job.file,
      ...(job.outputPath && { output_path: job.outputPath }),
    };
    const caller = callerFor(callerOf(this.#settings), job);
    // What was typed is checked by the operation's schema, in one place for all surfaces.
    const answer = await this.#engine.call("submit_task", input as OperationInput<"submit_task">, { caller });
    if (answer.warning) this.#warn(answer.warning);
    if (this.#wish.detach) {
      if (this.#wish.json) printJson({ input: job.file, ...answer });
      else printLine(answer.task_id);
      this.#codes.push(0);
    }
    return { job, id: answer.task_id };
  }

  /** A warning about settings comes with every submission; saying it once is enough. */
  #warn(text: string): void {
    if (!this.#warnings.has(text)) process.stderr.write(`warning: ${text}\n`);
    this.#warnings.add(text);
  }

  #wait(job: Job, id: string): Promise<TaskResult> {
    const caller = callerFor(callerOf(this.#settings), job);
    return finalState(this.#engine, { id, signal: this.#signal, progress: showProgress(jobName(job)), caller });
  }

  async #cancel(remaining: readonly Submitted[]): Promise<void> {
    for (const { id } of remaining) {
      // A task that has ended meanwhile cannot be cancelled and need not be.
      await this.#engine.call("cancel_task", { task_id: id }).catch(() => undefined);
    }
    process.stderr.write(`Cancelled: ${remaining.map(({ id }) => id).join(", ")}.\n`);
  }

  /** Does one step for a job; a failure is shown and counted, and the next job is tried. */
  async #attempt(job: Job, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (thrown) {
      if (this.#signal.aborted) return;
      const error = asEngineError(thrown);
      process.stderr.write(`${job.file}\n${failureLines(error).join("\n")}\n`);
      if (this.#wish.json) printJson({ input: job.file, error: error.toJSON() });
      this.#codes.push(exitCodes[error.code]);
    }
  }
}
