import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../durable-files.ts";
import type { Job } from "./job.ts";
import { deviceBudget } from "./memory-budget.ts";

interface PicturePlan {
  /** Bytes the network may plan with. */
  readonly memory: number;
}

const pathOf = (workDir: string) => join(workDir, "picture-plan.json");

/** Bytes that a picture's task was begun with; null where it was not begun. */
export async function pictureMemory(workDir: string): Promise<number | null> {
  const text = await readFile(pathOf(workDir), "utf8").catch(() => null);
  return text === null ? null : (JSON.parse(text) as PicturePlan).memory;
}

/**
 * Bytes that a picture's task may plan with. Fixed when it first starts and kept in its work folder, as a clip's are, so
 * that a task begun anew gives the same bytes.
 */
export async function picturePlan({ workDir, choice }: Pick<Job, "workDir" | "choice">): Promise<number> {
  const known = await pictureMemory(workDir);
  if (known !== null) return known;
  const plan: PicturePlan = { memory: deviceBudget(choice) };
  await writeWhole(pathOf(workDir), JSON.stringify(plan));
  return plan.memory;
}
