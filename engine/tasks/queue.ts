import { EngineError, asEngineError } from "../errors.ts";
import type { TaskStore } from "./task-store.ts";
import { isEnded } from "./task.ts";
import type { Task, TaskOutcome, TaskProgress } from "./task.ts";

/** Runs one task to its end. Rejects with an EngineError; `worker_died` means that trying again may help. */
export interface TaskRunner {
  run(task: Task, events: RunEvents): Promise<TaskOutcome>;
  /** Removes what a task that has ended no longer needs on disk. */
  tidy(task: Task): Promise<void>;
}

export interface RunEvents {
  /** Aborted when the task is cancelled or the engine stops; the run must have ended when it rejects. */
  readonly signal: AbortSignal;
  onProgress(progress: TaskProgress): void;
  /** A segment is finished and will not be computed again. */
  onSegment(): void;
}

export interface QueueParts {
  readonly store: TaskStore;
  readonly runner: TaskRunner;
  /** Told of each change of a task, in order. */
  readonly onChange: (task: Task) => void;
  /** Told of failures that are nobody's to handle: they must not end the queue. */
  readonly onError: (error: unknown) => void;
  readonly now: () => number;
}

/** A worker that dies this often without finishing a segment in between would die again. */
const MAX_DEATHS = 2;
/** Progress is written this often at most; between writes only watchers hear of it. Milliseconds. */
const WRITE_INTERVAL = 1000;

/** Runs the tasks of a store one after the other. Knows neither SQLite nor processes. */
export class Queue {
  private readonly parts: QueueParts;
  private running: { task: Task; abort: AbortController; done: Promise<void> } | null = null;
  private loop: Promise<void> = Promise.resolve();
  private looping = false;
  private stopped = false;

  constructor(parts: QueueParts) {
    this.parts = parts;
  }

  /** The task being worked on, with its latest progress; one that has ended stays until it is cleared up after. */
  get current(): Task | null {
    return this.running?.task ?? null;
  }

  /** The same without one that has ended: it needs its model no longer. */
  get working(): Task | null {
    const { current } = this;
    return current && !isEnded(current.state) ? current : null;
  }

  /** Starts working if there is work; harmless otherwise. */
  wake(): void {
    if (this.looping || this.stopped) return;
    this.looping = true;
    this.loop = this.work()
      .catch(this.parts.onError)
      .finally(() => (this.looping = false));
  }

  /** Cancels a waiting or running task; when it resolves nothing of it is running or left on disk. */
  async cancel(id: string): Promise<Task> {
    const task = await this.parts.store.cancel(id);
    if (this.running?.task.id === id) {
      this.running.abort.abort();
      await this.running.done;
    }
    await this.ended(task);
    return task;
  }

  /** Ends the running task after its last finished segment and starts no other; it goes on at the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.running?.abort.abort();
    await this.loop;
  }

  private async work(): Promise<void> {
    for (;;) {
      if (this.stopped) return;
      const task = await this.parts.store.claim();
      if (!task) return;
      const abort = new AbortController();
      const done = this.runOne(task, abort.signal).catch(this.parts.onError);
      this.running = { task, abort, done };
      this.parts.onChange(task);
      await done;
      this.running = null;
    }
  }

  private async runOne(task: Task, signal: AbortSignal): Promise<void> {
    const { store, runner, onChange } = this.parts;
    let deaths = task.deaths;
    const events = this.eventsOf(task, signal, () => (deaths = 0));
    try {
      const outcome = await runner.run(task, events);
      await this.ended(await store.complete(task.id, outcome));
    } catch (error) {
      if (await this.wasCancelled(task.id)) return;
      if (this.stopped) return void (await store.requeue(task.id, deaths));
      const failure = asEngineError(error);
      if (failure.code !== "worker_died") return this.failed(task, failure);
      deaths += 1;
      if (deaths >= MAX_DEATHS) return this.failed(task, diedAgain(failure, deaths));
      onChange(await store.requeue(task.id, deaths));
    }
  }

  private async failed(task: Task, error: EngineError): Promise<void> {
    await this.ended(await this.parts.store.fail(task.id, error.toJSON()));
  }

  /** Says how a task ended and clears up after it; a file that cannot be removed is no reason to stop. */
  private async ended(task: Task): Promise<void> {
    if (this.running?.task.id === task.id) this.running.task = task;
    this.parts.onChange(task);
    await this.parts.runner.tidy(task).catch(this.parts.onError);
  }

  private async wasCancelled(id: string): Promise<boolean> {
    return (await this.parts.store.get(id))?.state === "cancelled";
  }

  private eventsOf(task: Task, signal: AbortSignal, onSegment: () => void): RunEvents {
    const { store, onChange, now } = this.parts;
    let written = 0;
    return {
      signal,
      onProgress: (progress) => {
        if (this.running?.task.id !== task.id) return;
        this.running.task = { ...this.running.task, progress };
        onChange(this.running.task);
        if (now() - written < WRITE_INTERVAL) return;
        written = now();
        store.progress(task.id, progress).catch(this.parts.onError);
      },
      onSegment: () => {
        onSegment();
        store.forgive(task.id).catch(this.parts.onError);
      },
    };
  }
}

function diedAgain(last: EngineError, deaths: number): EngineError {
  return new EngineError("worker_died", {
    what: `The worker process or an ffmpeg of its died ${deaths} times at the same place of this task.`,
    why: last.message,
    todo: "Most often memory has run out: try a smaller resolution, or close other programs, then retry the task.",
    facts: { ...last.facts, deaths },
    cause: last,
  });
}
