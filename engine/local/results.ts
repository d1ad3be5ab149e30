import { basename } from "node:path";
import { EngineError } from "../errors.ts";
import type { OperationOutput } from "../operations/operations.ts";
import { shortName } from "../models/model-list.ts";
import type { TaskResult } from "../schemas/results.ts";
import { positionOf, waits } from "../tasks/estimates.ts";
import type { Task } from "../tasks/task.ts";
import { isEnded } from "../tasks/task.ts";
import type { Totals } from "../tasks/task-store.ts";

/** The queue at one moment: what answers are made from. */
export interface Snapshot {
  /** Running and waiting tasks in order, with their latest progress; those that wait for a download come last. */
  readonly pending: readonly Task[];
  /** The latest completed tasks, from which estimates are learnt. */
  readonly completed: readonly Task[];
  readonly now: number;
}

const iso = (time: number) => new Date(time).toISOString();
const seconds = (task: Task) => Math.round(task.worked / 100) / 10;
const percent = (share: number) => Math.round(share * 1000) / 10;
const resolutionOf = ({ width, height }: { width: number; height: number }) => `${width}x${height}`;

/** The status object of the contract. */
export function taskResultOf(task: Task, snapshot: Snapshot): TaskResult {
  return {
    id: task.id,
    kind: task.kind,
    status: task.state,
    queue_position: positionOf(task.id, snapshot.pending),
    created_at: iso(task.createdAt),
    started_at: task.startedAt === null ? null : iso(task.startedAt),
    params: { ...task.parameters },
    ...(isEnded(task.state) ? ending(task) : goingOn(task, snapshot)),
    notes: [...task.notes, ...(task.outcome?.notes ?? [])],
  };
}

function goingOn(task: Task, snapshot: Snapshot) {
  const { share, stage, framesDone, framesTotal } = task.progress;
  return {
    progress: percent(share),
    stage,
    // How long a download takes is not known here.
    eta: isFetched(task) ? null : (waits(snapshot.pending, snapshot.completed, snapshot.now).get(task.id) ?? null),
    frames_done: framesDone,
    frames_total: framesTotal,
  };
}

/** Only what is being done for a task that waits has a stage. */
function isFetched({ state, progress }: Task): boolean {
  return state === "queued" && progress.stage !== null;
}

function ending(task: Task) {
  const { outcome, error, progress } = task;
  return {
    progress: outcome ? 100 : percent(progress.share),
    stage: null,
    eta: null,
    frames_done: outcome?.frames ?? progress.framesDone,
    frames_total: outcome?.frames ?? progress.framesTotal,
    ...(task.endedAt !== null && { completed_at: iso(task.endedAt) }),
    ...(task.startedAt !== null && { process_time: seconds(task) }),
    ...(outcome && {
      output_path: outcome.path,
      output_filename: basename(outcome.path),
      output_resolution: resolutionOf(outcome),
    }),
    ...(error && { error: EngineError.from(error).message, error_code: error.code }),
  };
}

export function queueStatusOf(snapshot: Snapshot, totals: Totals): OperationOutput<"get_queue_status"> {
  const running = snapshot.pending.find((task) => task.state === "processing");
  const until = [...waits(snapshot.pending, snapshot.completed, snapshot.now).values()];
  const waiting = snapshot.pending.filter((task) => task.state === "queued");
  return {
    queue_length: snapshot.pending.length,
    processing: running
      ? {
          task_id: running.id,
          progress: percent(running.progress.share),
          model: shortName(running.parameters.dit_model),
        }
      : null,
    processing_progress: running ? percent(running.progress.share) : 0,
    pending_tasks: waiting.map(({ id }) => ({ task_id: id, position: positionOf(id, snapshot.pending) })),
    total_completed: totals.completed,
    total_failed: totals.failed,
    avg_process_time: Math.round(totals.averageSeconds * 10) / 10,
    estimated_total_wait: until.at(-1) ?? 0,
  };
}

export function positionResultOf(task: Task, snapshot: Snapshot): OperationOutput<"get_task_position"> {
  return {
    task_id: task.id,
    status: task.state,
    position: positionOf(task.id, snapshot.pending),
    estimated_wait: waits(snapshot.pending, snapshot.completed, snapshot.now).get(task.id) ?? 0,
  };
}

export function submitResultOf(task: Task, snapshot: Snapshot, duplicate: boolean): OperationOutput<"submit_task"> {
  const { position, estimated_wait } = positionResultOf(task, snapshot);
  return {
    status: task.state,
    task_id: task.id,
    queue_position: position,
    estimated_wait_seconds: estimated_wait,
    ...(duplicate && { duplicate: true }),
    ...(task.notes.length && { notes: [...task.notes] }),
  };
}

export function historyOf(tasks: readonly Task[]): OperationOutput<"get_queue_history"> {
  return {
    history: tasks.map((task) => ({
      id: task.id,
      status: task.state,
      created_at: iso(task.createdAt),
      completed_at: task.endedAt === null ? null : iso(task.endedAt),
      process_time: task.startedAt === null || task.endedAt === null ? null : seconds(task),
      output_filename: task.outcome && basename(task.outcome.path),
      output_resolution: task.outcome && resolutionOf(task.outcome),
    })),
  };
}
