import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { EngineConfig } from "../config.ts";
import { uploadPrefix } from "../operations/upload-folder.ts";
import { keptTasks } from "../tasks/task-store.ts";
import type { TaskStore } from "../tasks/task-store.ts";

/** A failed task's upload and segments are kept this long, so that it can be retried. Milliseconds. */
const KEPT_FOR_RETRY = 7 * 86_400_000;

/**
 * Forgets old tasks, and removes what belongs to no task that still needs it: segments, temporary results, uploads.
 * Only what bears our names is touched, because these folders may be the user's own.
 */
export async function sweep(config: EngineConfig, store: TaskStore): Promise<void> {
  await store.prune();
  const failed = await store.history(["failed"], keptTasks);
  const retriable = failed.filter((task) => Date.now() - (task.endedAt ?? 0) < KEPT_FOR_RETRY);
  const needed = [...(await store.pending()), ...retriable];
  const work = join(config.stateDir, "work");
  for (const id of await leftOvers(
    work,
    /^[0-9a-z]{8}$/,
    needed.map((task) => task.id),
  )) {
    const task = await store.get(id);
    if (task) await rm(join(task.output.folder, `.${id}.part`), { recursive: true, force: true });
    await rm(join(work, id), { recursive: true, force: true });
  }
  const uploads = needed.filter((task) => task.uploaded).map((task) => basename(dirname(task.inputPath)));
  for (const name of await leftOvers(config.uploadDir, new RegExp(`^${uploadPrefix}`), uploads)) {
    await rm(join(config.uploadDir, name), { recursive: true, force: true });
  }
}

/** Entries of a folder whose names are of our making and that nobody needs. */
async function leftOvers(folder: string, ours: RegExp, needed: readonly string[]): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => ours.test(name) && !needed.includes(name));
}
