import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { EngineConfig } from "../config.ts";
import { asEngineError, EngineError } from "../errors.ts";
import { findFfmpeg } from "../media/ffmpeg.ts";
import type { FileProgress } from "../models/download/fetch-file.ts";
import { firstContact } from "../models/examination/first-contact.ts";
import type { FetchEvents, RunEvents, TaskRunner } from "../tasks/queue.ts";
import type { Task, TaskOutcome } from "../tasks/task.ts";
import { jobParameters, type Job, type ModelSpec } from "../pipeline/job.ts";
import type { TraceSummary } from "../pipeline/trace.ts";
import { tilesBelow } from "../pipeline/smaller-tiles.ts";
import type { Supervisor } from "../worker/supervisor.ts";
import { modelSpecOf } from "./model-spec.ts";
import type { Models } from "./models.ts";
import { preparePlaces, publish, publishedBefore } from "./publish.ts";
import type { Places } from "./publish.ts";
import { runWithMemory } from "./run-with-memory.ts";

export interface RunnerParts {
  readonly config: EngineConfig;
  readonly supervisor: Pick<Supervisor, "run" | "release">;
  readonly models: Pick<Models, "ready" | "canRun" | "fetch">;
  /** Told how the stages of a clip overlapped. */
  readonly onTrace: (task: Task, trace: TraceSummary) => void;
}

/** Runs tasks in the worker and puts their results where the caller wished them. */
export function taskRunner(parts: RunnerParts): TaskRunner {
  const placesOf = (task: Task): Places => ({
    workDir: join(parts.config.stateDir, "work", task.id),
    partPath: join(task.output.folder, `.${task.id}.part`),
  });

  return {
    async lacks(task: Task): Promise<boolean> {
      const { dit_model: name, download } = task.parameters;
      return download === true && !(await publishedBefore(placesOf(task))) && !(await parts.models.canRun(name));
    },

    fetch({ parameters: { dit_model: name } }: Task, { signal, onStage }: FetchEvents): Promise<void> {
      onStage("waiting for the download of its model");
      const onProgress = ({ file, bytes, total }: FileProgress) =>
        onStage(`downloading ${file}${total ? ` ${Math.floor((100 * bytes) / total)} %` : ""}`);
      return parts.models.fetch(name, { signal, onProgress });
    },

    async run(task: Task, events: RunEvents): Promise<TaskOutcome> {
      const places = placesOf(task);
      return (await publishedBefore(places)) ?? (await compute(task, events, places, parts));
    },

    /** A failed task keeps its finished segments and its upload, so that a retry goes on from there. */
    async tidy(task: Task): Promise<void> {
      const { partPath, workDir } = placesOf(task);
      await rm(partPath, { recursive: true, force: true });
      if (task.state === "failed") return;
      await rm(workDir, { recursive: true, force: true });
      if (task.uploaded) await removeUpload(task);
    },
  };
}

async function compute(task: Task, events: RunEvents, places: Places, parts: RunnerParts): Promise<TaskOutcome> {
  await preparePlaces(task, places);
  const model = modelSpecOf(await parts.models.ready(task.parameters.dit_model), parts.config.cacheDir);
  const warnings = await fileWarnings(model, events, parts.config);
  const job: Job = {
    taskId: task.id,
    kind: task.kind,
    inputPath: task.inputPath,
    target: task.target,
    parameters: jobParameters.parse(task.parameters),
    model,
    format: task.output.format,
    ...places,
    ffmpeg: await findFfmpeg(parts.config.ffmpegPath),
    segmentFrames: parts.config.segmentFrames,
    tilesBelow: await tilesBelow(places.workDir),
  };
  const run = runWithMemory(parts.supervisor, job, {
    signal: events.signal,
    onProgress: ({ share, stage, framesDone, framesTotal }) =>
      events.onProgress({ share, stage, framesDone, framesTotal }),
    onSegment: () => events.onSegment(),
  });
  const { trace, tile, notes, ...made } = await run.catch((error: unknown) => {
    throw withWarnings(asEngineError(error), warnings);
  });
  if (trace) parts.onTrace(task, trace);
  if (events.signal.aborted) throw new EngineError("cancelled", { what: "The task was cancelled." });
  return publish(task, { result: { ...made, notes: [...warnings, ...notes] }, tile }, places);
}

/** What is odd about a model's files, where they were not looked at before. */
function fileWarnings(model: ModelSpec, { signal, onProgress }: RunEvents, { stateDir }: EngineConfig) {
  if (model.kind === "builtin") return [];
  onProgress({ share: 0, stage: "looking at the model's files", framesDone: 0, framesTotal: null });
  return firstContact([model.path, model.autoencoder], { stateDir, signal });
}

/** Where a network computes nonsense it helps to know that its file is odd. */
function withWarnings(error: EngineError, warnings: readonly string[]): EngineError {
  if (error.code !== "provider_failed" || warnings.length === 0) return error;
  const { code, what, todo, facts, cause } = error;
  const why = [...(error.why ? [error.why] : []), ...warnings].join(" ");
  return new EngineError(code, { ...{ what, why, facts, cause }, ...(todo && { todo }) });
}

/** An upload lies in a folder of its own. */
async function removeUpload(task: Task): Promise<void> {
  await rm(dirname(task.inputPath), { recursive: true, force: true });
}
