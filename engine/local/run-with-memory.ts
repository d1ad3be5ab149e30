import { asEngineError, EngineError } from "../errors.ts";
import type { Job, JobResult } from "../pipeline/job.ts";
import { decideSmallerTiles } from "../pipeline/smaller-tiles.ts";
import type { JobEvents, Supervisor } from "../worker/supervisor.ts";

/**
 * Runs a job in the worker. Where memory runs out it is done once more in the next smaller tiles of the autoencoder, if
 * its tiles are ours to choose; the result says so. Throws `out_of_memory` with advice where that fails too, else what
 * the worker threw.
 */
export async function runWithMemory(
  worker: Pick<Supervisor, "run" | "release">,
  job: Job,
  events: JobEvents,
): Promise<JobResult> {
  try {
    return withNote(await worker.run(job, events), job);
  } catch (error) {
    const below = ranOut(error) ? await decideSmallerTiles(job) : null;
    if (below === null) throw error;
    await worker.release(); // what the failed attempt holds would be missing in the next one
    const smaller = { ...job, tilesBelow: below };
    const result = await worker.run(smaller, events).catch((again: unknown) => {
      throw ranOut(again) ? ranOutTwice(again, below) : again;
    });
    return withNote(result, smaller);
  }
}

/** An allocation failed, or the system ended the worker while it computed: that is how Linux makes room. */
function ranOut(error: unknown): boolean {
  const { code, facts } = asEngineError(error);
  return code === "out_of_memory" || (code === "worker_died" && facts["killed"] === true);
}

function withNote(result: JobResult, { tilesBelow }: Job): JobResult {
  if (tilesBelow === undefined) return result;
  const note = `Memory ran out with ${tilesBelow} pixels a side at once, so the task went on in smaller tiles.`;
  return { ...result, notes: [note, ...result.notes] };
}

function ranOutTwice(cause: unknown, below: number): EngineError {
  return new EngineError("out_of_memory", {
    what: `Memory ran out twice, the second time in tiles of the autoencoder smaller than ${below} pixels.`,
    why: asEngineError(cause).message,
    todo: "Close other programs, then retry the task; or ask plan what fits: a smaller resolution, batch_size or model.",
    facts: { tiles_below: below },
    cause,
  });
}
