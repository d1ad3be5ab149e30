import { mkdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { claimName } from "../../claim-name.ts";
import { EngineError } from "../../errors.ts";
import { openCheckpoint } from "../../weights/checkpoint.ts";
import { networkIn } from "../../weights/network.ts";
import { networkWeights } from "../../weights/network-weights.ts";
import { openPromptEmbedding } from "../../weights/prompt-embedding.ts";
import { sha256Of } from "../file-hash.ts";
import type { PublishedFile } from "../published-files.ts";
import { takeFileLock } from "./file-lock.ts";
import { PartFile } from "./part-file.ts";
import type { Source } from "./source.ts";
import { transfer, TryAgain } from "./transfer.ts";

/** How far a file is. */
export interface FileProgress {
  readonly file: string;
  readonly bytes: number;
  /** Null where the server does not say. */
  readonly total: number | null;
  /** Null until something can be said. */
  readonly etaSeconds: number | null;
}

export interface FetchOptions {
  readonly source: Source;
  readonly folder: string;
  readonly idleSeconds: number;
  /** Seconds before the first repetition; doubled each time. */
  readonly pauseSeconds: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: FileProgress) => void;
}

/** Attempts in a row that bring no byte before it is given up. */
const ATTEMPTS = 6;
/** Longest pause between two, whatever the server asks for. Seconds. */
const LONGEST_PAUSE = 60;
/** What is left free on the disk. Bytes. */
const SPARE = 200e6;
/** Rows of the prompt embedding have so many features in every published transformer (seedvr2-pipeline.md section 5). */
const PROMPT_FEATURES = 5120;

/**
 * Fetches a published file into `folder`, resuming what an earlier attempt, process or day has fetched; it gets its name
 * only when it is whole and what it should be. Nothing that is there is replaced, parts of others included. Other
 * processes with the same wish wait for this one. Throws `download_failed`, `disk_full`, `wrong_state` or the signal's reason.
 */
export async function fetchFile(file: PublishedFile, options: FetchOptions): Promise<string> {
  const path = join(options.folder, file.name);
  await mkdir(options.folder, { recursive: true });
  const lockPath = join(options.folder, `.${file.name}.lock`);
  const unlock = await lockFor(lockPath, path, { file, options });
  try {
    if (await exists(path)) return path; // another process was faster
    const part = new PartFile(path);
    await transferPatiently(file, part, options);
    await verify(file, part, options);
    if (!(await claimName(part.path, path))) throw taken(path);
    await part.forgetRecord();
    return path;
  } finally {
    await unlock();
  }
}

async function transferPatiently(file: PublishedFile, part: PartFile, options: FetchOptions): Promise<void> {
  const { source, signal, idleSeconds, folder } = options;
  const url = source.urlOf(file);
  let fruitless = 0;
  for (;;) {
    const before = await part.size();
    const pace = new Pace();
    try {
      return await transfer({
        ...{ url, part, source, signal, idleSeconds },
        onStart: async (have, total) => refuseFullDisk(folder, total === null ? null : total - have),
        onBytes: (bytes, total) =>
          options.onProgress({ file: file.name, bytes, total, etaSeconds: pace.left(bytes, total) }),
      });
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error;
      fruitless = (await part.size()) > before ? 0 : fruitless + 1;
      if (fruitless >= ATTEMPTS) throw unreachable(url, join(folder, file.name), error);
      const seconds = Math.min(error.after ?? options.pauseSeconds * 2 ** fruitless, LONGEST_PAUSE);
      await pause(seconds * 1000, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** Estimates the time left from what came since it was made. */
class Pace {
  readonly #since = performance.now();
  #first: number | null = null;

  left(bytes: number, total: number | null): number | null {
    this.#first ??= bytes;
    const seconds = (performance.now() - this.#since) / 1000;
    const came = bytes - this.#first;
    if (total === null || came <= 0 || seconds < 1) return null;
    return Math.round(((total - bytes) / came) * seconds);
  }
}

/** Compares with the published hash, and with what such a file must hold. A part that is something else is removed. */
async function verify(file: PublishedFile, part: PartFile, { source, signal }: FetchOptions): Promise<void> {
  const url = source.urlOf(file);
  const found = file.sha256 === null ? null : await sha256Of(part.path, signal);
  const fault =
    found !== file.sha256 ? `Its SHA-256 is ${found}, published is ${file.sha256}.` : await faultOf(file, part);
  if (fault === null) return;
  await part.discard();
  throw new EngineError("download_failed", {
    what: `What ${url} sent is not ${file.name}.`,
    why: fault,
    todo: "Try again; if it happens again, the server has another file under that name.",
    facts: { url, expected: file.sha256, found },
  });
}

async function faultOf({ holds }: PublishedFile, { path }: PartFile): Promise<string | null> {
  try {
    if (holds === "prompt") {
      await openPromptEmbedding(path, PROMPT_FEATURES);
      return null;
    }
    const network = networkIn(path, await networkWeights(await openCheckpoint(path)));
    return network?.kind === holds ? null : `It holds no ${holds}.`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function refuseFullDisk(folder: string, needed: number | null): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (needed === null || free >= needed + SPARE) return;
  throw new EngineError("disk_full", {
    what: `${Math.ceil(needed / 1e6)} MB are still to be fetched, and ${folder} has ${Math.floor(free / 1e6)} MB free.`,
    todo: "Free some space, or let MODEL_DIR name a folder on a larger disk.",
    facts: { needed, free },
  });
}

/** Waits until no other process fetches this file. */
async function lockFor(
  lockPath: string,
  path: string,
  { file: { name }, options }: { file: PublishedFile; options: FetchOptions },
): Promise<() => Promise<void>> {
  for (;;) {
    const unlock = takeFileLock(lockPath);
    if (unlock) return unlock;
    const bytes = await new PartFile(path).size();
    options.onProgress({ file: name, bytes, total: null, etaSeconds: null });
    await pause(1000, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted());
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

function unreachable(url: string, path: string, last: TryAgain): EngineError {
  return new EngineError("download_failed", {
    what: `${url} could not be fetched: ${last.message}.`,
    why: `It was tried ${ATTEMPTS} times without a byte.`,
    todo: `Without internet fetch it on another machine and put it at ${path} (folder: ${dirname(path)}); what has come so far is kept for the next attempt.`,
    facts: { url, path },
    cause: last,
  });
}

function taken(path: string): EngineError {
  return new EngineError("wrong_state", {
    what: `${path} has come to exist meanwhile and is not replaced.`,
    todo: "Look what it is; the fetched file lies beside it with .part at its end.",
    facts: { path },
  });
}
