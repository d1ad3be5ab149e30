import { copyFile, link, mkdir, readFile, rename, rm, stat, unlink, writeFile, constants } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { shortName } from "../models/model-list.ts";
import { outputName } from "../tasks/output-name.ts";
import type { Task, TaskOutcome } from "../tasks/task.ts";

/** Notes in the task's work folder which name a result is about to get, so that a kill in between loses nothing. */
const NOTE = "published.json";

/**
 * Gives a whole, verified result its final name in the same folder. Never replaces a file unless the task says
 * overwrite: a taken name gets `_2`, `_3` …; a taken `output_path` is refused with `wrong_state`.
 */
export async function publish(task: Task, result: Omit<TaskOutcome, "path">, places: Places): Promise<TaskOutcome> {
  const seconds = (Date.now() - (task.startedAt ?? Date.now())) / 1000;
  for (let attempt = 1; ; attempt++) {
    const name = outputName(task, shortName(task.parameters.dit_model), seconds, attempt);
    const path = task.output.path ?? join(task.output.folder, name);
    const outcome = { ...result, path };
    await writeFile(join(places.workDir, NOTE), JSON.stringify(outcome));
    if (task.output.path && task.output.overwrite) await rename(places.partPath, path);
    else if (!(await claimName(places.partPath, path))) {
      if (!task.output.path) continue;
      throw nameTaken(path);
    }
    return outcome;
  }
}

export interface Places {
  readonly workDir: string;
  readonly partPath: string;
}

/** The outcome of a task that was published by an engine that died before it could say so. */
export async function publishedBefore(places: Places): Promise<TaskOutcome | null> {
  const text = await readFile(join(places.workDir, NOTE), "utf8").catch(() => null);
  if (text === null) return null;
  const outcome = JSON.parse(text) as TaskOutcome;
  const final = await stat(outcome.path).catch(() => null);
  const part = await stat(places.partPath).catch(() => null);
  if (!final || (part && part.ino !== final.ino)) return null;
  if (part) await unlink(places.partPath);
  return outcome;
}

/** Refuses an existing `output_path` before hours are spent on it. */
export async function refuseTaken(path: string | null, overwrite: boolean): Promise<void> {
  if (path === null || overwrite) return;
  if (await stat(path).catch(() => null)) throw nameTaken(path);
}

/** Moves a file to a name nobody has; false where somebody has it. */
async function claimName(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
    return copyToName(from, to); // a file system without hard links, e.g. exFAT
  }
  await unlink(from);
  return true;
}

async function copyToName(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  await unlink(from);
  return true;
}

function nameTaken(path: string): EngineError {
  return new EngineError("wrong_state", {
    what: `${path} exists already.`,
    todo: "Choose another output_path, or say overwrite true.",
    facts: { path },
  });
}

export async function preparePlaces(task: Task, places: Places): Promise<void> {
  await mkdir(places.workDir, { recursive: true });
  await mkdir(task.output.folder, { recursive: true });
}

export async function clearPlaces(places: Places): Promise<void> {
  await rm(places.partPath, { force: true });
  await rm(places.workDir, { recursive: true, force: true });
}
