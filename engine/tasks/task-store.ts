import type { ErrorJson } from "../errors.ts";
import type { TaskState } from "../schemas/results.ts";
import type { Submission, Task, TaskOutcome, TaskProgress } from "./task.ts";

/**
 * Where tasks are kept. Durable: what was acknowledged survives a kill at any moment. Free of the ways of one
 * database, because workers on several machines are to share one later. A change of state that is not possible
 * rejects with `wrong_state`, an unknown id with `not_found`.
 */
export interface TaskStore {
  /** Adds a task at the end of the queue; the same idempotency key answers with the first task. */
  enqueue(submission: Submission): Promise<{ task: Task; duplicate: boolean }>;
  /** The oldest queued task that is none of these, now processing. */
  claim(passedOver?: readonly string[]): Promise<Task | undefined>;
  progress(id: string, progress: TaskProgress): Promise<void>;
  /** Back into the queue at its old place, with the number of deaths so far. */
  requeue(id: string, deaths: number): Promise<Task>;
  /** A segment was finished: earlier deaths no longer count. */
  forgive(id: string): Promise<void>;
  complete(id: string, outcome: TaskOutcome): Promise<Task>;
  fail(id: string, error: ErrorJson): Promise<Task>;
  cancel(id: string): Promise<Task>;
  /** A failed or cancelled task, queued again at the end. */
  retry(id: string): Promise<Task>;
  get(id: string): Promise<Task | undefined>;
  /** The task that was submitted with an idempotency key. */
  byKey(idempotencyKey: string): Promise<Task | undefined>;
  /** Running and waiting tasks in the order of the queue. */
  pending(): Promise<Task[]>;
  /** Ended tasks, newest first. */
  history(states: readonly TaskState[], limit: number): Promise<Task[]>;
  totals(): Promise<Totals>;
  /** Forgets ended tasks older than 30 days beyond the last 10,000. */
  prune(): Promise<void>;
  close(): Promise<void>;
}

export interface Totals {
  readonly completed: number;
  readonly failed: number;
  /** Mean seconds of the completed ones; 0 where there are none. */
  readonly averageSeconds: number;
}

export const keptDays = 30;
export const keptTasks = 10_000;
