import { lstat, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { claimName } from "../claim-name.ts";
import { syncFile, syncFiles, syncNames, writeWhole } from "../durable-files.ts";
import { EngineError } from "../errors.ts";
import { shortName } from "../models/model-list.ts";
import { outputName } from "../tasks/output-name.ts";
import type { Submission, Task, TaskOutcome } from "../tasks/task.ts";
import { isSequence, workedUntil } from "../tasks/task.ts";
import { inTheWay, moveFolder } from "./publish-folder.ts";

/** Notes in the task's work folder which name a result is about to get, so that a kill in between loses nothing. */
const NOTE = "published.json";

/**
 * Gives a whole, verified result its final name in the same folder. Never replaces a file unless the task says
 * overwrite: a taken name gets `_2`, `_3` …; a taken `output_path` is refused with `wrong_state`. When it resolves the
 * result outlives a power cut, so that what it was made of can be removed.
 */
export async function publish(task: Task, { result, tile }: Made, places: Places): Promise<TaskOutcome> {
  const seconds = workedUntil(Date.now(), task) / 1000;
  const { ino } = await stat(places.partPath);
  await (isSequence(task) ? syncFiles(places.partPath) : syncFile(places.partPath));
  for (let attempt = 1; ; attempt++) {
    const name = outputName(task, shortName(task.parameters.dit_model), { seconds, tile }, attempt);
    const path = task.output.path ?? join(task.output.folder, name);
    const outcome = { ...result, path };
    await writeWhole(join(places.workDir, NOTE), JSON.stringify({ outcome, ino } satisfies Note));
    if (await give(task, places.partPath, path)) {
      await syncNames(dirname(path));
      return outcome;
    }
    if (task.output.path) throw nameTaken(path);
  }
}

/** Gives the result its name; false where somebody has it. */
async function give(task: Task, partPath: string, path: string): Promise<boolean> {
  const { output } = task;
  if (isSequence(task)) return moveFolder(partPath, path, output.overwrite);
  if (!output.path || !output.overwrite) return claimName(partPath, path);
  await rename(partPath, path);
  return true;
}

/** What the worker made of a task. */
interface Made {
  readonly result: Omit<TaskOutcome, "path">;
  /** Side of the autoencoder's tiles, null where frames were not cut. */
  readonly tile: number | null;
}

interface Note {
  readonly outcome: TaskOutcome;
  /** The result's file as the file system knows it, whatever its name: tells it from a stranger's. */
  readonly ino: number;
}

export interface Places {
  readonly workDir: string;
  readonly partPath: string;
}

/** The outcome of a task that was published by an engine that died before it could say so. */
export async function publishedBefore(places: Places): Promise<TaskOutcome | null> {
  const text = await readFile(join(places.workDir, NOTE), "utf8").catch(() => null);
  if (text === null) return null;
  const { outcome, ino } = JSON.parse(text) as Note;
  const final = await stat(outcome.path).catch(() => null);
  if (final?.ino !== ino) return null;
  await rm(places.partPath, { recursive: true, force: true });
  return outcome;
}

/** Refuses an `output_path` that cannot be had before hours are spent on it. */
export async function refuseTaken(submission: Pick<Submission, "kind" | "output" | "inputPath">): Promise<void> {
  const { output, inputPath } = submission;
  const there = output.path === null ? null : await lstat(output.path).catch(() => null);
  if (output.path === null || !there) return;
  if (output.path === inputPath) {
    throw new EngineError("invalid_parameter", {
      what: `output_path ${output.path} is the source itself, which is never changed.`,
      todo: "Choose another output_path.",
    });
  }
  if (isSequence(submission)) return refuseTakenFolder(output.path, output.overwrite);
  if (there.isDirectory()) {
    throw new EngineError("invalid_parameter", {
      what: `output_path ${output.path} is a folder.`,
      todo: "Name a file in it.",
    });
  }
  if (!output.overwrite) throw nameTaken(output.path);
}

async function refuseTakenFolder(path: string, overwrite: boolean): Promise<void> {
  const found = await inTheWay(path, overwrite);
  if (found === "nothing") return;
  if (found === "a sequence") throw nameTaken(path);
  throw new EngineError("wrong_state", {
    what: `output_path ${path} holds other files, which are never replaced by a sequence of pictures.`,
    todo: "Name a folder that is empty or not there yet.",
    facts: { path },
  });
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
