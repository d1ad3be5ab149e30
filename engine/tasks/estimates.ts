import type { Task } from "./task.ts";
import { workOf } from "./task.ts";

/** Seconds an output megapixel takes before anything was measured here; the first finished task replaces it. */
const UNMEASURED = 0.5;
/** How many of the latest tasks count; older ones may be of another machine load or version. */
const REMEMBERED = 20;

/** Median seconds an output megapixel took with that model on this machine; with any model where it is new. */
function secondsPerMegapixel(model: string, completed: readonly Task[]): number {
  const same = completed.filter((task) => task.parameters.dit_model === model);
  const rates = (same.length ? same : completed)
    .slice(0, REMEMBERED)
    .map((task) => ((task.endedAt ?? 0) - (task.startedAt ?? 0)) / 1000 / workOf(task))
    .filter((rate) => Number.isFinite(rate) && rate > 0)
    .sort((a, b) => a - b);
  return rates[Math.floor(rates.length / 2)] ?? UNMEASURED;
}

/** Seconds the task is expected to need in all. */
export function expectedSeconds(task: Task, completed: readonly Task[]): number {
  return workOf(task) * secondsPerMegapixel(task.parameters.dit_model, completed);
}

/**
 * Seconds a running task still needs. Once a tenth is done its own pace counts, as it knows this file; before that
 * what earlier tasks took.
 */
export function remainingSeconds(task: Task, completed: readonly Task[], now: number): number {
  const expected = expectedSeconds(task, completed);
  const spent = (now - (task.startedAt ?? now)) / 1000;
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
