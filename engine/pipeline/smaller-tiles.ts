import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../durable-files.ts";
import { chooseTiling, sideThatFailed } from "../upscalers/choose-tiling.ts";
import type { Job } from "./job.ts";
import { readManifest } from "./manifest.ts";
import { pictureMemory } from "./picture-plan.ts";
import { upscaleSettings } from "./upscale-settings.ts";

/** Part of the task's plan: kept in its work folder, so that what is resumed goes on in the same tiles. */
const NAME = "smaller-tiles.json";

interface SmallerTiles {
  /** Side in pixels that tiles must stay below. */
  readonly below: number;
}

/** What the tiles of a task must stay below, because memory ran out in an earlier attempt. */
export async function tilesBelow(workDir: string): Promise<number | undefined> {
  const text = await readFile(join(workDir, NAME), "utf8").catch(() => null);
  return text === null ? undefined : (JSON.parse(text) as SmallerTiles).below;
}

/**
 * Decides on the next smaller tiles for a job whose memory ran out, and answers what they must stay below. Null where
 * there are none, or where somebody wished for those that failed.
 */
export async function decideSmallerTiles(job: Job): Promise<number | null> {
  if (job.model.kind !== "seedvr2") return null;
  const memory = (await readManifest(job.workDir))?.plan.memory ?? (await pictureMemory(job.workDir));
  if (memory === null) return null; // it failed before its first batch
  const { tiling: wish, batchSize } = upscaleSettings(job);
  const below = sideThatFailed(wish, chooseTiling(wish, job.target, batchSize, memory), job.target);
  if (below !== null) await writeWhole(join(job.workDir, NAME), JSON.stringify({ below } satisfies SmallerTiles));
  return below;
}
