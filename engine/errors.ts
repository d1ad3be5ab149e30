/**
 * The one kind of error that reaches a user. It says what happened, what it means and what to do, and carries its
 * facts as fields, so that every surface can show it unmangled. Told apart by `code`, never by class or text.
 */

export const errorCodes = [
  "invalid_parameter",
  "unreadable_media",
  "path_not_allowed",
  "not_found",
  "not_installed",
  "not_runnable",
  "wrong_state",
  "too_large",
  "does_not_fit",
  "token_missing",
  "host_not_allowed",
  "worker_died",
  "provider_failed",
  "out_of_memory",
  "checkpoint_malformed",
  "disk_full",
  "download_failed",
  "not_writable",
  "stopping",
  "engine_unreachable",
  "cancelled",
  "internal",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorParts {
  /** What happened, a finished sentence. */
  what: string;
  /** What it means or why, a finished sentence. */
  why?: string;
  /** What to do, a finished sentence. */
  todo?: string;
  /** The values behind the text, for programs. */
  facts?: Readonly<Record<string, unknown>>;
  cause?: unknown;
}

/** An EngineError as it travels between processes. */
export interface ErrorJson {
  code: ErrorCode;
  what: string;
  why?: string | undefined;
  todo?: string | undefined;
  facts?: Readonly<Record<string, unknown>> | undefined;
}

/** A failure in finished sentences: `message` is what, why and todo together. */
export class EngineError extends Error {
  readonly code: ErrorCode;
  readonly what: string;
  readonly why: string | undefined;
  readonly todo: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, parts: ErrorParts) {
    super([parts.what, parts.why, parts.todo].filter(Boolean).join(" "), { cause: parts.cause });
    this.name = "EngineError";
    this.code = code;
    this.what = parts.what;
    this.why = parts.why;
    this.todo = parts.todo;
    this.facts = parts.facts ?? {};
  }

  /** What travels between processes; `from` is its inverse. */
  toJSON(): ErrorJson {
    return { code: this.code, what: this.what, why: this.why, todo: this.todo, facts: this.facts };
  }

  static from(json: ErrorJson): EngineError {
    const { code, what, why, todo, facts } = json;
    return new EngineError(code, { what, ...(why && { why }), ...(todo && { todo }), ...(facts && { facts }) });
  }
}

/** The error as an EngineError: itself, or what an unexpected failure looks like to a user. */
export function asEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (saysOutOfMemory(text)) return outOfMemory(`Memory ran out: ${text}.`, error);
  const system = systemErrors[(error as NodeJS.ErrnoException | undefined)?.code ?? ""];
  if (system)
    return new EngineError(system.code, { what: `${system.what}: ${text}.`, todo: system.todo, cause: error });
  return new EngineError("internal", {
    what: `Something went wrong inside the engine: ${text}.`,
    todo: "The log in the state folder has the details (seedvr2 doctor prints where).",
    cause: error,
  });
}

/** How allocations fail, in words of onnxruntime, its providers, drivers and Node. */
const NO_MEMORY = /bad.?alloc|failed to allocate|allocation failed|alloc_failed|out.?of.?(\w+.)?memory|ENOMEM|\bOOM\b/i;

/** Whether an error's own words say that memory of the machine or of a GPU ran out. */
export function saysOutOfMemory(text: string): boolean {
  return NO_MEMORY.test(text);
}

/** The error of a computation that found no memory; `what` says where, a finished sentence. */
export function outOfMemory(what: string, cause: unknown): EngineError {
  const todo = "Close other programs, or try a smaller resolution, batch_size or vae_tile_size (plan says what fits).";
  return new EngineError("out_of_memory", { what, todo, cause });
}

const systemErrors: Readonly<Record<string, { code: ErrorCode; what: string; todo: string }>> = {
  ENOSPC: { code: "disk_full", what: "The disk is full", todo: "Free some space, then retry the task." },
  EDQUOT: { code: "disk_full", what: "The disk quota is used up", todo: "Free some space, then retry the task." },
  EACCES: { code: "not_writable", what: "No permission", todo: "Check the permissions of that file or folder." },
  ENOTDIR: { code: "not_writable", what: "A folder of that path is a file", todo: "Choose another folder." },
  EROFS: { code: "not_writable", what: "The disk is read-only", todo: "Choose another output folder." },
};
