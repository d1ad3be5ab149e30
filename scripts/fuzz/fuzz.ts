import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { readFileSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";
import { EngineError, type HostedEngine, openEngine } from "../../engine/index.ts";
import type { ErrorJson, TaskResult } from "../../engine/index.ts";
import { findFfmpeg } from "../../engine/media/ffmpeg.ts";
import { callerOf, engineConfig, here, loadSettings } from "../../src/config.ts";
import { type GoodFile, makeGoodFiles } from "./good-files.ts";
import { mutated, seededRandom } from "./mutations.ts";

export interface FuzzWish {
  /** A folder of its own, empty; holds state, results and whatever failed. */
  readonly folder: string;
  readonly seed: number;
  /** Mutations tried: from one index on, so many. */
  readonly from: number;
  readonly count: number;
  /** ffmpeg to use; else the one the engine would find. */
  readonly ffmpegPath?: string | undefined;
  readonly onTried?: (trial: Trial) => void;
}

/** What became of one damaged file. */
export interface Trial {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  readonly outcome: "refused" | "completed" | "failed";
  readonly seconds: number;
  /** What must not be; null where all is well. */
  readonly fault: string | null;
}

export interface FuzzResult {
  readonly trials: readonly Trial[];
  /** What is still there at the end and should not be: tasks, processes, files. */
  readonly left: readonly string[];
}

/** Seconds that submission and task may each take beyond what sound files take: more is a hang. */
const PATIENCE = 10;

/** What damaged files may lead to; anything else is our mistake. */
const fitting = new Set(["unreadable_media", "invalid_parameter", "too_large", "disk_full"]);

/**
 * Sends damaged files through an engine of its own, one after the other, each as users do: submitted, waited for. File
 * and damage depend on nothing but seed and index.
 */
export async function fuzz(wish: FuzzWish): Promise<FuzzResult> {
  const { engine, errors } = await openOwnEngine(wish);
  const before = children();
  const trials: Trial[] = [];
  try {
    const good = await makeGoodFiles(await findFfmpeg(wish.ffmpegPath ?? null), wish.folder);
    const patience = Math.ceil(PATIENCE + (await slowestOf(good, engine, wish.folder)));
    for (let index = wish.from; index < wish.from + wish.count; index++) {
      const trial = await tried({ engine, errors, patience }, { wish, good, index });
      trials.push(trial);
      wish.onTried?.(trial);
    }
    const tasks = await leftTasks(engine);
    await engine.close(); // the last task may still be cleared up after
    const processes = children().filter((child) => !before.includes(child));
    return { trials, left: [...tasks, ...(await leftFiles(wish.folder)), ...processes] };
  } finally {
    await engine.close().catch(() => undefined);
  }
}

interface OwnEngine {
  readonly engine: HostedEngine;
  /** Why tasks failed, by their ids. */
  readonly errors: Map<string, ErrorJson>;
}

async function openOwnEngine({ folder, ffmpegPath }: FuzzWish): Promise<OwnEngine> {
  const environment = {
    ...{ SEEDVR2_STATE_DIR: join(folder, "state"), OUTPUT_FOLDER: join(folder, "out") },
    ...{ SEEDVR2_ALLOWED_FOLDERS: folder, SEEDVR2_DEVICE: "cpu" },
    ...(ffmpegPath && { FFMPEG_PATH: ffmpegPath }),
  };
  const settings = loadSettings({}, { ...here(), environment, home: folder });
  for (const name of ["state", "out"]) await mkdir(join(folder, name), { recursive: true });
  const errors = new Map<string, ErrorJson>();
  const engine = await openEngine(engineConfig(settings), {
    caller: callerOf(settings),
    port: () => 0,
    onStop: () => {},
    log: (_level, _message, facts) => {
      if (facts?.["error"]) errors.set(String(facts["task"]), facts["error"] as ErrorJson);
    },
  });
  if (!engine) throw new EngineError("wrong_state", { what: `${folder} belongs to an engine already.` });
  return { engine, errors };
}

/** Sends the files through as they are, which has to succeed; seconds the slowest took, three times for busy machines. */
async function slowestOf(good: readonly GoodFile[], engine: HostedEngine, folder: string): Promise<number> {
  let slowest = 0;
  for (const { name, bytes } of good) {
    const begun = performance.now();
    await writeFile(join(folder, name), bytes);
    const { status, error } = await submitted(engine, join(folder, name), 120);
    if (status !== "completed") throw new EngineError("internal", { what: `The sound file ${name} failed: ${error}` });
    slowest = Math.max(slowest, (performance.now() - begun) / 1000);
  }
  return 3 * slowest;
}

interface Judge {
  readonly engine: HostedEngine;
  readonly errors: ReadonlyMap<string, ErrorJson>;
  readonly patience: number;
}

async function tried(
  judge: Judge,
  { wish, good, index }: { wish: FuzzWish; good: readonly GoodFile[]; index: number },
): Promise<Trial> {
  const random = seededRandom(Math.imul(wish.seed, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b));
  const { name, bytes: whole } = good[Math.floor(random() * good.length)] as GoodFile;
  const { kind, bytes } = mutated(whole, random);
  const path = join(wish.folder, `damaged-${index}${extname(name)}`);
  await writeFile(path, bytes);
  const begun = performance.now();
  const ended = await submitted(judge.engine, path, judge.patience).catch((error: unknown) => error);
  const seconds = (performance.now() - begun) / 1000;
  const { outcome, fault } = judged(ended, judge, seconds);
  if (fault === null) await rm(path);
  return { index, name, kind, outcome, seconds, fault };
}

async function submitted(engine: HostedEngine, path: string, patience: number): Promise<TaskResult> {
  const { task_id } = await engine.call("submit_task", { file_path: path, scale: 1, preset: "ultrafast" } as never);
  const task = await engine.call("wait_for_task", { task_id, timeout: patience });
  if (task.timed_out) await engine.call("cancel_task", { task_id });
  return task;
}

function judged(ended: unknown, { errors, patience }: Judge, seconds: number): Pick<Trial, "outcome" | "fault"> {
  const slow = seconds > 2 * patience ? `It took ${seconds.toFixed(1)} s.` : null;
  if (!isTask(ended)) {
    const known = ended instanceof EngineError && fitting.has(ended.code);
    return { outcome: "refused", fault: known ? slow : String(ended) };
  }
  if (ended.timed_out) return { outcome: "failed", fault: `It had not ended after ${patience.toFixed(0)} s.` };
  if (ended.status === "completed") return { outcome: "completed", fault: slow };
  const error = errors.get(ended.id);
  return { outcome: "failed", fault: error && fitting.has(error.code) ? slow : (ended.error ?? "It failed silently.") };
}

function isTask(value: unknown): value is TaskResult {
  return typeof value === "object" && value !== null && "status" in value;
}

async function leftTasks(engine: HostedEngine): Promise<string[]> {
  const { pending_tasks } = await engine.call("get_queue_status", {});
  return pending_tasks.map(({ task_id }) => `task ${task_id}`);
}

/** Results may stay, and of failed tasks what a retry goes on from; nothing under a temporary name. */
async function leftFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => /\.(part|new|tmp)$/.test(name)).map((name) => `file ${name}`);
}

/** Command lines of the processes that this one has started, and theirs (Linux; none elsewhere). */
function children(): string[] {
  const of = (pid: string) => {
    try {
      const parent = / (\d+) \(.*\) \S (\d+)/s.exec(` ${readFileSync(`/proc/${pid}/stat`, "utf8")}`)?.[2];
      return { pid, parent, text: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ") };
    } catch {
      return null; // gone meanwhile
    }
  };
  const all = process.platform === "linux" ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  const known = new Set([String(process.pid)]);
  const found: string[] = [];
  for (const entry of all.map(of)) {
    if (!entry?.parent || !known.has(entry.parent)) continue;
    known.add(entry.pid);
    if (/ffmpeg|worker/.test(entry.text)) found.push(`process ${entry.text}`);
  }
  return found;
}
