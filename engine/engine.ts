import type { OperationInput, OperationName, OperationOutput } from "./operations/operations.ts";
import type { TaskResult } from "./schemas/results.ts";

/**
 * Words used throughout. Task: one file to enlarge, durable, with an 8-character id. Engine: who owns queue, models
 * and memory; one process a machine. Worker: the engine's child process that decodes, computes and encodes. Surface:
 * MCP, REST or command line. Caller: who a surface speaks for, with the settings that go with each submission.
 */

/** Settings that are the caller's, not the engine's; they travel with each submission. */
export interface Caller {
  /** Folder for results without an output_path; made when missing. */
  readonly outputFolder: string;
  /** Folders the caller may read from and write to. */
  readonly allowedFolders: readonly string[];
  /** The model for tasks that name none, if configured. */
  readonly defaultModel: string | null;
  /** The caller's values of the engine's own settings by environment name; a difference is answered as `warning`. */
  readonly engineSettings: Readonly<Record<string, string>>;
}

/** What goes with a call beside its parameters. */
export interface CallOptions {
  /** Ends a waiting call with `cancelled`; the task itself goes on. */
  readonly signal?: AbortSignal | undefined;
  /** wait_for_task only: told of each change while it waits. */
  readonly onStatus?: ((task: TaskResult) => void) | undefined;
  /** Whose settings apply; a remote engine fills it in. */
  readonly caller?: Caller | undefined;
  /** An upload the engine owns and deletes when the task has completed or is cancelled; local engine only. */
  readonly upload?: { readonly name: string } | undefined;
}

/**
 * The engine as every surface sees it; local (in the engine's own process) and remote (over its port) implement it
 * alike. Input is checked by the operation's schema. Every failure is an EngineError.
 */
export interface Engine {
  call<N extends OperationName>(name: N, input: OperationInput<N>, options?: CallOptions): Promise<OperationOutput<N>>;
  /** Releases what this object holds. For the local engine: ends the worker; running tasks go on at the next start. */
  close(): Promise<void>;
}

/** What the process that hosts the engine provides. */
export interface Host {
  /** Settings of callers that bring none: the process's own. */
  readonly caller: Caller;
  /** The port REST listens on. */
  readonly port: () => number;
  /** Called when the engine was asked to stop, once that answer can be sent. */
  readonly onStop: () => void;
  readonly log: (level: "info" | "warn" | "error", message: string, facts?: Record<string, unknown>) => void;
}

/** The engine in the process that owns it. */
export interface HostedEngine extends Engine {
  /** True while a task is running or waiting. */
  hasWork(): Promise<boolean>;
}
