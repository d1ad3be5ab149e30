import { EngineError, asEngineError } from "../errors.ts";
import type { TaskStore } from "./task-store.ts";
import type { Task, TaskOutcome, TaskProgress } from "./task.ts";

/** Runs one task to its end. Rejects with an EngineError; `worker_died` means that trying again may help. */
export interface TaskRunner {
  /** Whether something must be fetched before the task can run. */
  lacks(task: Task): Promise<boolean>;
  /** Fetches it; other tasks run meanwhile. */
  fetch(task: Task, events: FetchEvents): Promise<void>;
  run(task: Task, events: RunEvents): Promise<TaskOutcome>;
  /** Removes what a task that has ended no longer needs on disk. */
  tidy(task: Task): Promise<void>;
}

export interface FetchEvents {
  /** Aborted when the task is cancelled or the engine stops. */
  readonly signal: AbortSignal;
  onStage(stage: string): void;
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

/** A task and what goes on for it. */
interface Going {
  task: Task;
  readonly abort: AbortController;
  done: Promise<void>;
}

/**
 * Runs the tasks of a store one after the other. One for which something must be fetched is set aside, still queued, and
 * runs at its old place as soon as that is there. Knows neither SQLite nor processes.
 */
export class Queue {
  private readonly parts: QueueParts;
  private running: Going | null = null;
  private readonly aside = new Map<string, Going>();
  private loop: Promise<void> = Promise.resolve();
  private looping = false;
  /** Whether somebody has called since the loop last looked for work. */
  private called = false;
  private stopped = false;

  constructor(parts: QueueParts) {
    this.parts = parts;
  }

  /** The task being worked on, with its latest progress; one that has ended stays until it is cleared up after. */
  get current(): Task | null {
    return this.running?.task ?? null;
  }

  /** The same without one that has ended or was set aside: it needs its model no longer. */
  get working(): Task | null {
    return this.current?.state === "processing" ? this.current : null;
  }

  /** The latest progress of a task that runs or was set aside; null of any other. */
  progressOf(id: string): TaskProgress | null {
    const going = this.aside.get(id) ?? (this.running?.task.id === id ? this.running : undefined);
    return going?.task.progress ?? null;
  }

  /** Whether a task waits for something to be fetched, and is passed over. */
  isAside(id: string): boolean {
    return this.aside.has(id);
  }

  /** Starts working if there is work; harmless otherwise. */
  wake(): void {
    this.called = true;
    if (this.looping || this.stopped) return;
    this.looping = true;
    this.loop = this.work().catch(this.parts.onError);
  }

  /** Cancels a waiting or running task; when it resolves nothing of it is running or left on disk. */
  async cancel(id: string): Promise<Task> {
    const task = await this.parts.store.cancel(id);
    if (this.running?.task.id === id) await leave(this.running);
    const aside = this.aside.get(id); // asked for now, as it may have been set aside meanwhile
    if (aside) await leave(aside);
    await this.ended(task);
    return task;
  }

  /** Ends the running task after its last finished segment and starts no other; it goes on at the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.aside.values(), ...(this.running ? [this.running] : [])].map(leave));
    await this.loop;
  }

  private async work(): Promise<void> {
    try {
      while (this.called) {
        this.called = false;
        await this.runAll();
      }
    } finally {
      this.looping = false; // in the same turn as the last look for calls, so that none is missed
    }
  }

  /** Runs whatever can run now. */
  private async runAll(): Promise<void> {
    while (!this.stopped) {
      const task = await this.parts.store.claim([...this.aside.keys()]);
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
      if (await runner.lacks(task)) return this.setAside(await store.requeue(task.id, deaths));
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

  /** Leaves a task in the queue, passed over until what it lacks was fetched. */
  private setAside({ progress, ...kept }: Task): void {
    if (this.stopped) return;
    const task: Task = { ...kept, progress: { ...progress, stage: null } }; // that of an earlier run is over
    if (this.running?.task.id === task.id) this.running.task = task;
    const going: Going = { task, abort: new AbortController(), done: Promise.resolve() };
    this.aside.set(task.id, going);
    this.parts.onChange(task);
    going.done = this.fetchFor(going)
      .catch(this.parts.onError)
      .finally(() => {
        this.aside.delete(task.id);
        this.wake();
      });
  }

  private async fetchFor(going: Going): Promise<void> {
    const { task, abort } = going;
    const onStage = (stage: string) => {
      going.task = { ...task, progress: { ...task.progress, stage } };
      this.parts.onChange(going.task);
    };
    try {
      await this.parts.runner.fetch(task, { signal: abort.signal, onStage });
    } catch (error) {
      if (!abort.signal.aborted) await this.failed(task, asEngineError(error));
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

async function leave({ abort, done }: Going): Promise<void> {
  abort.abort();
  await done;
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
