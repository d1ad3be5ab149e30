import type { Task } from "./task.ts";
import { workOf, workedUntil } from "./task.ts";

/** What a task takes: starting and ending, and each output megapixel. Seconds. */
interface Pace {
  readonly fixed: number;
  readonly perMegapixel: number;
}

/** Before anything was measured here; the first finished tasks replace it. */
const UNMEASURED: Pace = { fixed: 1, perMegapixel: 0.5 };
/** How many of the latest tasks count; older ones may be of another machine load or version. */
const REMEMBERED = 20;
/** What takes longer than this was work, not starting and ending. Seconds. */
const MOST_FIXED = 2;
/** Tasks of fewer output megapixels tell nothing of what a megapixel takes. */
const TELLING = 0.5;

/**
 * The pace of a model on this machine, learnt from its latest tasks, or from any model's where it is new: half of
 * the shortest task is taken for what every one takes, the rest is shared out by megapixels, so that large ones weigh
 * most.
 */
function paceOf(model: string, completed: readonly Task[]): Pace {
  const same = completed.filter((task) => task.parameters.dit_model === model);
  const known = (same.length ? same : completed).slice(0, REMEMBERED);
  if (!known.length) return UNMEASURED;
  const fixed = Math.min(MOST_FIXED, ...known.map((task) => task.worked / 1000)) / 2;
  const telling = known.filter((task) => workOf(task) >= TELLING);
  const seconds = telling.reduce((sum, task) => sum + Math.max(0, task.worked / 1000 - fixed), 0);
  const megapixels = telling.reduce((sum, task) => sum + workOf(task), 0);
  return { fixed, perMegapixel: telling.length ? seconds / megapixels : UNMEASURED.perMegapixel };
}

/** What an expectation is made for: a task, or what would be one. */
export type Expected = Pick<Task, "target" | "frames"> & { readonly parameters: Pick<Task["parameters"], "dit_model"> };

/** Seconds it is expected to need in all, or null where this machine has not finished a task of its model yet. */
export function measuredSeconds(task: Expected, completed: readonly Task[]): number | null {
  const { dit_model: model } = task.parameters;
  const known = completed.some(({ parameters }) => parameters.dit_model === model);
  return known ? expectedSeconds(task, completed) : null;
}

/** Seconds the task is expected to need in all. */
export function expectedSeconds(task: Expected, completed: readonly Task[]): number {
  const { fixed, perMegapixel } = paceOf(task.parameters.dit_model, completed);
  return fixed + workOf(task) * perMegapixel;
}

/**
 * Seconds a running task still needs. Once a tenth is done its own pace counts, as it knows this file; before that
 * what earlier tasks took.
 */
export function remainingSeconds(task: Task, completed: readonly Task[], now: number): number {
  const expected = expectedSeconds(task, completed);
  const spent = workedUntil(now, task) / 1000;
  const { share } = task.progress;
  if (share < 0.1) return Math.max(expected - spent, expected * 0.05);
  return (spent * (1 - share)) / share;
}

/** Seconds until each pending task is done, in the order of the queue. */
export function waits(pending: readonly Task[], completed: readonly Task[], now: number): Map<string, number> {
  let sum = 0;
  return new Map(
    pending.map((task) => {
      const running = task.state === "processing";
      sum += running ? remainingSeconds(task, completed, now) : expectedSeconds(task, completed);
      return [task.id, Math.round(sum * 10) / 10];
    }),
  );
}

/** 0 for a running or ended task; the running task counts, so the first waiting one behind it is number 2. */
export function positionOf(id: string, pending: readonly Task[]): number {
  const index = pending.findIndex((task) => task.id === id);
  return index < 0 || pending[index]!.state === "processing" ? 0 : index + 1;
}
