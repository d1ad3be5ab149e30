import { createWriteStream, existsSync, openAsBlob, statSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join, parse } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { readablePath, writablePath } from "../allowed-paths.ts";
import type { CallOptions, Caller, Engine } from "../engine.ts";
import { EngineError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { operations } from "../operations/operations.ts";
import type { OperationInput, OperationName, OperationOutput } from "../operations/operations.ts";
import { waitForTask } from "../operations/wait.ts";
import { parseInput } from "../schemas/parse.ts";
import type { TaskResult } from "../schemas/results.ts";

export interface RestAccess {
  readonly apiUrl: string;
  readonly apiToken: string | null;
  /** Whose files may be sent, and where results are downloaded to. */
  readonly caller: Caller;
}

const codes: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_parameter",
  401: "token_missing",
  403: "host_not_allowed",
  404: "not_found",
  409: "wrong_state",
  413: "too_large",
  503: "stopping",
};

/** Seconds between looks at a task; the public REST has no waiting call. */
const LOOK_EVERY = 1;

/** An engine elsewhere, through its public REST: files are uploaded, results downloaded. */
export class RestEngine implements Engine {
  private readonly access: RestAccess;
  private readonly downloads = new Map<string, Promise<string>>();
  /** Where results of this process's submissions are to go; for others it is the output folder. */
  private readonly wishes = new Map<string, ResultPlace>();

  constructor(access: RestAccess) {
    this.access = access;
  }

  async call<N extends OperationName>(
    name: N,
    input: OperationInput<N>,
    options: CallOptions = {},
  ): Promise<OperationOutput<N>> {
    const parsed = parseInput(operations[name].input, input) as Record<string, unknown>;
    return (await this.dispatch(name, parsed, (input ?? {}) as Record<string, unknown>, options)) as OperationOutput<N>;
  }

  async close(): Promise<void> {}

  private async dispatch(
    name: OperationName,
    parsed: Record<string, unknown>,
    given: Record<string, unknown>,
    options: CallOptions,
  ): Promise<unknown> {
    switch (name) {
      case "submit_task":
      case "submit_image_task":
      case "submit_video_task":
        return this.upload(given, options);
      case "plan":
        return this.json("/api/plan", { method: "POST", body: await this.form(given, options) }, options);
      case "wait_for_task":
        return waitForTask(this, parsed as { task_id: string; timeout: number }, options);
      case "watch_task":
        return this.watch(parsed as { task_id: string; after: number; wait_seconds: number }, options);
      case "get_task_status":
        return this.status(String(parsed["task_id"]), options);
      default:
        return this.route(name, parsed, options);
    }
  }

  private async route(name: OperationName, input: Record<string, unknown>, options: CallOptions): Promise<unknown> {
    const { route } = operations[name] as { route?: { method: "get" | "post"; path: string } };
    if (!route) throw new EngineError("wrong_state", { what: `${name} is not possible with a remote engine.` });
    const rest = { ...input };
    const path = route.path.replace(/\{(\w+)\}/g, (_, key: string) => {
      const value = String(rest[key]);
      delete rest[key];
      return encodeURIComponent(value);
    });
    if (route.method === "get") {
      const query = new URLSearchParams(
        Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, String(value)])),
      );
      return this.json(`${path}?${query}`, {}, options);
    }
    const headers = { "content-type": "application/json" };
    return this.json(path, { method: "POST", headers, body: JSON.stringify(rest) }, options);
  }

  private async upload(given: Record<string, unknown>, options: CallOptions): Promise<unknown> {
    const { output_path, overwrite, codec } = given;
    if (codec === "png_sequence") throw noFolders();
    const caller = options.caller ?? this.access.caller;
    const allowed = [...caller.allowedFolders, caller.outputFolder];
    const path = typeof output_path === "string" ? await writablePath("output_path", output_path, allowed) : null;
    if (path !== null && overwrite !== true && existsSync(path)) throw taken(path);
    const form = await this.form(given, options);
    const answer = (await this.json("/api/process", { method: "POST", body: form }, options)) as { task_id: string };
    this.wishes.set(answer.task_id, { folder: caller.outputFolder, path });
    return answer;
  }

  /** A submission as a form: its file, and of the result's place the extension. */
  private async form(given: Record<string, unknown>, options: CallOptions): Promise<FormData> {
    const { file_path, output_path, overwrite, ...fields } = given;
    void overwrite; // of a result's place elsewhere
    const source = await readablePath(String(file_path), (options.caller ?? this.access.caller).allowedFolders);
    const form = new FormData();
    if (typeof output_path === "string") form.set("output_format", extname(output_path));
    for (const [key, value] of Object.entries(fields))
      if (value !== null && value !== undefined) form.set(key, String(value));
    form.set("file", await openAsBlob(source), basename(source));
    return form;
  }

  /** The status, with the result brought here when there is one. */
  private async status(id: string, options: CallOptions): Promise<TaskResult> {
    const task = (await this.json(`/api/status/${id}`, {}, options)) as TaskResult;
    if (task.status !== "completed" || !task.output_filename) return task;
    const download = this.downloads.get(task.id) ?? this.download(task, options);
    this.downloads.set(task.id, download);
    download.catch(() => this.downloads.delete(task.id)); // the next look tries again
    return { ...task, output_path: await download };
  }

  private async watch(
    input: { task_id: string; after: number; wait_seconds: number },
    options: CallOptions,
  ): Promise<unknown> {
    const end = Date.now() + input.wait_seconds * 1000;
    for (;;) {
      const task = await this.status(input.task_id, options);
      const revision = fingerprint(task);
      if (revision !== input.after || Date.now() >= end || options.signal?.aborted) return { revision, task };
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY * 1000));
    }
  }

  /** Brings a result here, under a name nobody has; one of that name and size is taken for it. */
  private async download(task: TaskResult, options: CallOptions): Promise<string> {
    const wish = this.wishes.get(task.id);
    const folder = wish?.folder ?? (options.caller ?? this.access.caller).outputFolder;
    const response = await this.fetch(`/api/download/${task.id}`, {}, options);
    const size = Number(response.headers.get("content-length"));
    const path = wish?.path ?? freeName(join(folder, basename(task.output_filename!)), size);
    if (!wish?.path && existsSync(path)) {
      await response.body?.cancel();
      return path;
    }
    const part = join(dirname(path), `.${task.id}.part`);
    await mkdir(dirname(path), { recursive: true });
    try {
      await pipeline(Readable.fromWeb(response.body as never), createWriteStream(part));
      await rename(part, path);
    } finally {
      await rm(part, { force: true });
    }
    return path;
  }

  private async json(path: string, init: RequestInit, options: CallOptions): Promise<unknown> {
    return (await this.fetch(path, init, options)).json();
  }

  private async fetch(path: string, init: RequestInit, options: CallOptions): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.access.apiToken) headers.set("authorization", `Bearer ${this.access.apiToken}`);
    const url = new URL(path, this.access.apiUrl);
    const response = await fetch(url, { ...init, headers, signal: options.signal ?? null }).catch((cause: unknown) => {
      if (options.signal?.aborted) throw new EngineError("cancelled", { what: "The call was cancelled." });
      throw new EngineError("engine_unreachable", {
        what: `The engine at ${this.access.apiUrl} does not answer.`,
        todo: "Check SEEDVR2_API_URL and that seedvr2 serve runs there.",
        cause,
      });
    });
    if (response.ok) return response;
    const answer = (await response.json().catch(() => ({}))) as { error?: string; code?: ErrorCode };
    const what = answer.error ?? `The engine at ${this.access.apiUrl} answered ${response.status}.`;
    throw new EngineError(answer.code ?? codes[response.status] ?? "internal", { what });
  }
}

interface ResultPlace {
  readonly folder: string;
  readonly path: string | null;
}

/** The name with `_2`, `_3` … where files of another size have it. */
function freeName(path: string, size: number): string {
  const { dir, name, ext } = parse(path);
  for (let attempt = 1; ; attempt++) {
    const candidate = attempt === 1 ? path : join(dir, `${name}_${attempt}${ext}`);
    const there = statSync(candidate, { throwIfNoEntry: false });
    if (!there || there.size === size) return candidate;
  }
}

function noFolders(): EngineError {
  return new EngineError("invalid_parameter", {
    what: "codec png_sequence gives a folder, which cannot be fetched from an engine elsewhere (SEEDVR2_API_URL).",
    todo: "Use codec ffv1 with output_format mkv: one file, as lossless.",
    facts: { parameter: "codec" },
  });
}

function taken(path: string): EngineError {
  return new EngineError("wrong_state", {
    what: `${path} exists already.`,
    todo: "Choose another output_path, or say overwrite true.",
    facts: { path },
  });
}

/** A number that differs when what a watcher wants to see does. */
function fingerprint(task: TaskResult): number {
  const text = `${task.status}|${task.progress}|${task.stage}|${task.queue_position}`;
  return [...text].reduce((sum, character) => (sum * 31 + character.codePointAt(0)!) % 2 ** 32, 7) + 1;
}
