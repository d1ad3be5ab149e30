import type { ErrorJson } from "../errors.ts";
import type { TaskState } from "../schemas/results.ts";

/** What is submitted: fixed from then on. */
export interface Submission {
  readonly kind: "image" | "video";
  /** Absolute path of the file to enlarge. */
  readonly inputPath: string;
  /** The name its owner knows it by; an upload lies under another. */
  readonly inputName: string;
  /** Whether the engine owns the input file and deletes it when the task has ended well. */
  readonly uploaded: boolean;
  /** The parameters as understood, with the contract's names. */
  readonly parameters: TaskParameters;
  /** Size of the result in pixels. */
  readonly target: { readonly width: number; readonly height: number };
  /** Frames the source is believed to have; what counts in the end is what was read. */
  readonly frames: number;
  readonly output: OutputWish;
  /** Known at submission and worth telling, e.g. that the result is smaller than the source. */
  readonly notes: readonly string[];
  readonly idempotencyKey: string | null;
}

/** Whether the result is a folder of pictures instead of a file. */
export function isSequence({ kind, output }: Pick<Submission, "kind" | "output">): boolean {
  return kind === "video" && output.format === "png";
}

export interface TaskParameters {
  readonly dit_model: string;
  readonly batch_size: number;
  readonly color_correction: string;
  readonly seed: number;
  readonly vae_tiling: string;
  readonly vae_quality: string;
  readonly resolution: number;
  readonly [name: string]: unknown;
}

export interface OutputWish {
  /** Folder of the result; its name is made when the time it took is known. */
  readonly folder: string;
  /** The whole path where the caller wished one. */
  readonly path: string | null;
  /** Extension without dot; that of its pictures where the result is a folder. */
  readonly format: string;
  readonly overwrite: boolean;
}

export interface TaskProgress {
  /** 0 … 1. */
  readonly share: number;
  readonly stage: string | null;
  readonly framesDone: number;
  readonly framesTotal: number | null;
}

export interface TaskOutcome {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly notes: readonly string[];
}

/** A durable record; times in milliseconds since 1970. */
export interface Task extends Submission {
  readonly id: string;
  readonly state: TaskState;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Milliseconds it was worked on until `resumedAt`; time the engine was off does not count. */
  readonly worked: number;
  /** When the present run began, or was last heard of. */
  readonly resumedAt: number | null;
  readonly progress: TaskProgress;
  /** Deaths of the worker since the last finished segment. */
  readonly deaths: number;
  readonly outcome: TaskOutcome | null;
  readonly error: ErrorJson | null;
}

export const untouched: TaskProgress = { share: 0, stage: null, framesDone: 0, framesTotal: null };

/** Which state may follow which; checked in the statement that writes. */
export const transitions: Readonly<Record<TaskState, readonly TaskState[]>> = {
  queued: ["processing", "cancelled", "failed"],
  processing: ["queued", "completed", "failed", "cancelled"],
  completed: [],
  failed: ["queued"],
  cancelled: ["queued"],
};

/** The states from which `to` can be reached. */
export function statesBefore(to: TaskState): TaskState[] {
  return (Object.keys(transitions) as TaskState[]).filter((from) => transitions[from].includes(to));
}

export function isEnded(state: TaskState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

/** Output megapixels over all frames: what the time of a task is measured by. */
export function workOf(submission: Pick<Submission, "target" | "frames">): number {
  return (submission.target.width * submission.target.height * Math.max(1, submission.frames)) / 1e6;
}

/** Milliseconds a task has been worked on so far. */
export function workedUntil(now: number, task: Task): number {
  return task.worked + (task.state === "processing" ? now - (task.resumedAt ?? now) : 0);
}
