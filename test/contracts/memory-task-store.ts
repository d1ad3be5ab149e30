import type { ErrorJson } from "../../engine/errors.ts";
import type { TaskState } from "../../engine/schemas/results.ts";
import { noSuchTask, notPossible } from "../../engine/tasks/task-errors.ts";
import type { TaskStore, Totals } from "../../engine/tasks/task-store.ts";
import { isEnded, transitions, untouched } from "../../engine/tasks/task.ts";
import type { Submission, Task, TaskOutcome, TaskProgress } from "../../engine/tasks/task.ts";

/** What a task is before it is worked on, the first time or again. */
const notWorkedOn = {
  ...{ startedAt: null, endedAt: null, worked: 0, resumedAt: null },
  ...{ progress: untouched, deaths: 0, error: null },
};

/** A task store without a disk: the second implementation of the contract, and what the queue is tested with. */
export class MemoryTaskStore implements TaskStore {
  private tasks: Task[] = [];
  private ids = 0;
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  async enqueue(submission: Submission): Promise<{ task: Task; duplicate: boolean }> {
    const known = this.tasks.find(
      (task) => task.idempotencyKey !== null && task.idempotencyKey === submission.idempotencyKey,
    );
    if (known) return { task: known, duplicate: true };
    const id = (++this.ids).toString().padStart(8, "0");
    const task: Task = { ...submission, id, state: "queued", createdAt: this.now(), ...notWorkedOn, outcome: null };
    this.tasks.push(task);
    return { task, duplicate: false };
  }

  async claim(passedOver: readonly string[] = []): Promise<Task | undefined> {
    const next = this.tasks.find((task) => task.state === "queued" && !passedOver.includes(task.id));
    const now = this.now();
    return next && this.change(next.id, { state: "processing", startedAt: next.startedAt ?? now, resumedAt: now });
  }

  async progress(id: string, progress: TaskProgress): Promise<void> {
    this.change(id, { progress, ...this.counted(id) });
  }

  async requeue(id: string, deaths: number): Promise<Task> {
    const task = this.expect(id);
    if (task.state !== "processing") throw notPossible(task, "put back into the queue");
    return this.move(id, "queued", { deaths, resumedAt: null });
  }

  async forgive(id: string): Promise<void> {
    this.change(id, { deaths: 0 });
  }

  async complete(id: string, outcome: TaskOutcome): Promise<Task> {
    return this.move(id, "completed", { endedAt: this.now(), outcome, ...this.counted(id) });
  }

  async fail(id: string, error: ErrorJson): Promise<Task> {
    return this.move(id, "failed", { endedAt: this.now(), error, ...this.counted(id) });
  }

  async cancel(id: string): Promise<Task> {
    return this.move(id, "cancelled", { endedAt: this.now() });
  }

  async retry(id: string): Promise<Task> {
    const task = this.expect(id);
    if (!isEnded(task.state)) throw notPossible(task, "retried");
    const queued = this.move(id, "queued", notWorkedOn);
    this.tasks = [...this.tasks.filter((other) => other.id !== id), queued];
    return queued;
  }

  async get(id: string): Promise<Task | undefined> {
    return this.tasks.find((task) => task.id === id);
  }

  async pending(): Promise<Task[]> {
    const open = this.tasks.filter((task) => !isEnded(task.state));
    return open.sort((a, b) => Number(a.state === "queued") - Number(b.state === "queued"));
  }

  async history(states: readonly TaskState[], limit: number): Promise<Task[]> {
    const ended = this.tasks.filter((task) => states.includes(task.state)).reverse();
    return ended.sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0)).slice(0, limit);
  }

  async totals(): Promise<Totals> {
    const completed = this.tasks.filter((task) => task.state === "completed");
    const seconds = completed.map((task) => task.worked / 1000);
    return {
      completed: completed.length,
      failed: this.tasks.filter((task) => task.state === "failed").length,
      averageSeconds: seconds.reduce((sum, each) => sum + each, 0) / Math.max(1, seconds.length),
    };
  }

  async prune(): Promise<void> {}

  async byKey(idempotencyKey: string): Promise<Task | undefined> {
    return this.tasks.find((task) => task.idempotencyKey === idempotencyKey);
  }

  async close(): Promise<void> {}

  private counted(id: string): Pick<Task, "worked" | "resumedAt"> {
    const { worked, resumedAt } = this.expect(id);
    return { worked: worked + this.now() - (resumedAt ?? this.now()), resumedAt: this.now() };
  }

  private expect(id: string): Task {
    const task = this.tasks.find((each) => each.id === id);
    if (!task) throw noSuchTask(id, this.tasks.slice(-3));
    return task;
  }

  private move(id: string, to: TaskState, changes: Partial<Task>): Task {
    const task = this.expect(id);
    if (!transitions[task.state].includes(to)) throw notPossible(task, to);
    return this.change(id, { ...changes, state: to });
  }

  private change(id: string, changes: Partial<Task>): Task {
    const changed = { ...this.expect(id), ...changes };
    this.tasks = this.tasks.map((task) => (task.id === id ? changed : task));
    return changed;
  }
}
