import type { TaskResult } from "../engine/index.ts";

/** A span of time as people say it: "25 s", "1 min 10 s", "14 min", "2 h 5 min". Never below one second. */
export function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return `${Math.floor(whole / 60)} min${rest(whole % 60, "s")}`;
  const minutes = Math.round(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h${rest(minutes % 60, "min")}`;
}

function rest(amount: number, unit: string): string {
  return amount === 0 ? "" : ` ${amount} ${unit}`;
}

/** ", done in about 4 min", or nothing where there is no estimate. */
export function doneIn(seconds: number): string {
  return seconds > 0 ? `, done in about ${duration(seconds)}` : "";
}

/** What a task is doing, for a line of progress: "upscaling, 42 of 180 frames, 1 min 10 s left". */
export function activity(task: TaskResult, secondsLeft: number | null): string {
  const parts =
    task.status === "queued"
      ? [...(task.stage ? [task.stage] : []), `number ${task.queue_position} in the queue`]
      : [task.stage ?? task.status, ...(task.frames_total ? [frames(task.frames_done, task.frames_total)] : [])];
  if (secondsLeft !== null && secondsLeft > 0) parts.push(`${duration(secondsLeft)} left`);
  return parts.join(", ");
}

function frames(done: number, total: number): string {
  return `${done} of ${total} ${total === 1 ? "frame" : "frames"}`;
}

/** A call as a model can make it: wait_for_task(task_id="k3x9a2pq"). */
export function toolCall(name: string, taskId: string): string {
  return `${name}(task_id="${taskId}")`;
}

/** Text that may come from file names, without characters that could pass for something else: controls, line ends, bidi marks. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, "\uFFFD");
}
