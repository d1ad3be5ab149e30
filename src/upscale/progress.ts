import { SingleBar } from "cli-progress";
import type { TaskResult } from "../../engine/index.ts";

/** Shows one task's way on stderr. */
export interface ProgressView {
  update(task: TaskResult): void;
  end(): void;
}

/** Shows how far something is, in percent and words, on stderr. */
export interface ShareView {
  update(percent: number, state: string): void;
  end(): void;
}

/** A task's way: a bar in a terminal; elsewhere a line when the stage changes and at each tenth. */
export function showProgress(name: string, stream: NodeJS.WriteStream = process.stderr): ProgressView {
  const view = showShare(name, stream);
  return {
    update: (task) => view.update(task.progress, progressText(task)),
    end: () => view.end(),
  };
}

/** A bar in a terminal; elsewhere a line when the state's first word changes and at each tenth of the way. */
export function showShare(name: string, stream: NodeJS.WriteStream = process.stderr): ShareView {
  return stream.isTTY ? shareBar(name, stream) : shareLines(name, stream);
}

function shareBar(name: string, stream: NodeJS.WriteStream): ShareView {
  const bar = new SingleBar({
    stream,
    format: "{name} {bar} {percentage} % | {state}",
    hideCursor: true,
    clearOnComplete: true,
    barsize: 24,
  });
  bar.start(100, 0, { name: shortened(name), state: "waiting" });
  return {
    update: (percent, state) => bar.update(Math.floor(percent), { state }),
    end: () => bar.stop(),
  };
}

function shareLines(name: string, stream: NodeJS.WriteStream): ShareView {
  let shown = "";
  return {
    update: (percent, state) => {
      const step = `${state.split(",")[0]} ${Math.floor(percent / 10)}`;
      if (step === shown) return;
      shown = step;
      stream.write(`${name}: ${Math.floor(percent)} %, ${state}\n`);
    },
    end: () => undefined,
  };
}

/** "upscaling, 42 of 100 frames, 1 min 10 s left", or the place in the queue. */
export function progressText(task: TaskResult): string {
  if (task.status === "queued") return `${task.stage ?? "waiting"}, number ${task.queue_position} in the queue`;
  const parts = [task.stage ?? task.status];
  if (task.frames_total !== null && task.frames_total > 1)
    parts.push(`${task.frames_done} of ${task.frames_total} frames`);
  if (task.eta !== null && task.status === "processing") parts.push(`${durationText(task.eta)} left`);
  return parts.join(", ");
}

/** Seconds in the two largest units: "2 h 5 min", "1 min 10 s", "8 s". */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}

/** Long names keep their end, which tells numbered files apart. */
function shortened(name: string, length = 28): string {
  return name.length <= length ? name.padEnd(length) : `…${name.slice(1 - length)}`;
}
