import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Job } from "./job.ts";
import { writeWhole } from "./manifest.ts";
import { deviceBudget } from "./memory-budget.ts";

interface PicturePlan {
  /** Bytes the network may plan with. */
  readonly memory: number;
}

/**
 * Bytes that a picture's task may plan with. Fixed when it first starts and kept in its work folder, as a clip's are, so
 * that a task begun anew gives the same bytes.
 */
export async function picturePlan({ workDir, choice }: Pick<Job, "workDir" | "choice">): Promise<number> {
  const path = join(workDir, "picture-plan.json");
  const text = await readFile(path, "utf8").catch(() => null);
  if (text !== null) return (JSON.parse(text) as PicturePlan).memory;
  const plan: PicturePlan = { memory: deviceBudget(choice) };
  await writeWhole(path, JSON.stringify(plan));
  return plan.memory;
}
