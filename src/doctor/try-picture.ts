import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../../engine/index.ts";
import type { Engine, TaskResult } from "../../engine/index.ts";
import { callerOf } from "../config.ts";
import type { Settings } from "../config.ts";
import { projectRoot } from "../installation.ts";
import { callerFor } from "../upscale/inputs.ts";
import { showProgress } from "../upscale/progress.ts";
import { finalState } from "../upscale/waiting.ts";
import { likeness, type Likeness } from "./picture-likeness.ts";

/** Shorter side of the result; the picture's own is half of it. */
const RESOLUTION = 240;

/** How a model did with the picture that comes with the program. */
export interface PictureTrial {
  /** Execution provider, null where no model is in memory. */
  readonly device: string | null;
  /** Seconds the engine worked on it. */
  readonly seconds: number;
  /** What it made, or why it made nothing. */
  readonly made: Likeness | { readonly code: string; readonly message: string };
}

export interface PictureWish {
  readonly settings: Settings;
  /** Full name of the model. */
  readonly model: string;
  readonly signal: AbortSignal;
}

/** Enlarges the bundled picture with a model, as a user's task would be; the result is compared and removed. */
export async function tryPicture(engine: Engine, { settings, model, signal }: PictureWish): Promise<PictureTrial> {
  const file = join(projectRoot(), "scripts", "demo", "harbour.png");
  const folder = await realpath(await mkdtemp(join(tmpdir(), "seedvr2-doctor-")));
  try {
    const outputPath = join(folder, "result.png");
    const caller = callerFor(callerOf(settings), { file, outputPath, outputFolder: folder });
    const wish = { file_path: file, resolution: RESOLUTION, dit_model: model, output_path: outputPath };
    const { task_id: id } = await engine.call("submit_image_task", wish, { caller });
    const task = await finalState(engine, { id, signal, progress: showProgress(model), caller }).catch(
      async (error: unknown) => {
        if (signal.aborted) await engine.call("cancel_task", { task_id: id }).catch(() => undefined);
        throw error;
      },
    );
    const { device } = await engine.call("get_gpu_status", {});
    return { device, seconds: task.process_time ?? 0, made: await madeOf(task, file) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function madeOf(task: TaskResult, file: string): Promise<PictureTrial["made"]> {
  if (task.status === "cancelled") throw new EngineError("cancelled", { what: "The task was cancelled." });
  if (task.output_path !== undefined) return likeness(file, task.output_path);
  return { code: task.error_code ?? "internal", message: task.error ?? `The task is ${task.status}.` };
}
