import type { DownloadConfig } from "../../config.ts";
import { EngineError } from "../../errors.ts";
import type { PublishedFile } from "../published-files.ts";
import { fetchFile, type FileProgress } from "./fetch-file.ts";
import { sourceOf, type Source } from "./source.ts";

interface Running {
  readonly abort: AbortController;
  readonly done: Promise<void>;
  readonly listeners: Set<(progress: FileProgress) => void>;
  waiting: number;
  progress: FileProgress | null;
}

export interface JoinOptions {
  /** Leaves; the download ends when the last who waited for it has left. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: FileProgress) => void;
}

/** The downloads of one engine: one a model, however many want it. */
export class Downloads {
  readonly #config: DownloadConfig;
  readonly #folder: string;
  readonly #source: Source;
  readonly #running = new Map<string, Running>();
  readonly #failures = new Map<string, EngineError>();

  /** `folder` is where files go. */
  constructor(config: DownloadConfig, folder: string) {
    this.#config = config;
    this.#folder = folder;
    this.#source = sourceOf(config);
  }

  get active(): boolean {
    return this.#running.size > 0;
  }

  progressOf(model: string): FileProgress | null {
    return this.#running.get(model)?.progress ?? null;
  }

  isRunning(model: string): boolean {
    return this.#running.has(model);
  }

  /** Why the last download of this model failed; null when none did, or another has begun since. */
  failureOf(model: string): EngineError | null {
    return this.#failures.get(model) ?? null;
  }

  /**
   * Starts the download of a model's files, or joins the one under way; resolves when they are there. Throws
   * `download_failed`, `disk_full`, `wrong_state`, and `cancelled` when it is cancelled or everybody has left.
   */
  async join(model: string, files: readonly PublishedFile[], options: JoinOptions = {}): Promise<void> {
    const { signal, onProgress } = options;
    let running = this.#running.get(model);
    for (; running?.abort.signal.aborted; running = this.#running.get(model)) {
      await running.done.catch(() => undefined); // everybody has left it; it ends soon
    }
    running ??= this.#start(model, files);
    running.waiting += 1;
    if (onProgress) running.listeners.add(onProgress);
    try {
      await leaving(running.done, signal);
    } finally {
      running.waiting -= 1;
      if (onProgress) running.listeners.delete(onProgress);
      if (running.waiting === 0) running.abort.abort();
    }
  }

  /** Ends a download; what has come stays for the next one. False where there was none. */
  cancel(model: string): boolean {
    const running = this.#running.get(model);
    running?.abort.abort();
    return running !== undefined;
  }

  /** Ends all downloads. */
  async close(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { abort } of all) abort.abort();
    await Promise.allSettled(all.map(({ done }) => done));
  }

  #start(model: string, files: readonly PublishedFile[]): Running {
    const abort = new AbortController();
    const listeners: Running["listeners"] = new Set();
    const running: Running = {
      ...{ abort, listeners, waiting: 0, progress: null },
      done: this.#fetchAll(files, abort.signal, (progress) => {
        running.progress = progress;
        for (const listener of listeners) listener(progress);
      }).then(
        () => void this.#running.delete(model),
        (error: unknown) => {
          this.#running.delete(model);
          const failure = abort.signal.aborted ? cancelled(model) : error;
          if (failure instanceof EngineError && failure.code !== "cancelled") this.#failures.set(model, failure);
          throw failure;
        },
      ),
    };
    running.done.catch(() => undefined); // whoever joined reports it
    this.#failures.delete(model);
    this.#running.set(model, running);
    return running;
  }

  async #fetchAll(
    files: readonly PublishedFile[],
    signal: AbortSignal,
    onProgress: (progress: FileProgress) => void,
  ): Promise<void> {
    const { idleSeconds, pauseSeconds } = this.#config;
    const options = { source: this.#source, folder: this.#folder, idleSeconds, pauseSeconds, signal, onProgress };
    for (const file of files) await fetchFile(file, options);
  }
}

/** The promise, or a rejection as soon as the signal says so. */
async function leaving(done: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return done;
  signal.throwIfAborted();
  let leave: () => void = () => undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(new EngineError("cancelled", { what: "The download is not waited for any longer." }));
    signal.addEventListener("abort", leave);
  });
  try {
    await Promise.race([done, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

function cancelled(model: string): EngineError {
  return new EngineError("cancelled", {
    what: `The download of ${model} was cancelled.`,
    todo: "What has come so far is kept; the next download goes on from there.",
  });
}
