import type { DeviceChoice } from "../onnx/device-choice.ts";
import { processor } from "../onnx/device-choice.ts";
import { chooseTiling } from "../upscalers/choose-tiling.ts";
import { BUILTIN_PEAK, memoryNeed, type TransformerShape } from "../upscalers/memory-model.ts";
import type { Job } from "./job.ts";
import { deviceBudget } from "./memory-budget.ts";
import { upscaleSettings } from "./upscale-settings.ts";

/** What a task may have: planned with before anything runs. */
export interface MemoryHere {
  readonly choice: DeviceChoice;
  /** Whether it is not decided yet what SeedVR2 computes on, so that the processor is assumed. */
  readonly assumed: boolean;
  /** Bytes, less a reserve. */
  readonly available: number;
}

/** How a task would run, and whether it could. */
export interface MemoryPlan {
  /** The autoencoder's tiles in pixels; null where frames go through whole, and with the built-in model. */
  readonly tiles: { readonly side: number; readonly overlap: number } | null;
  /** Frames that run together. */
  readonly batchSize: number;
  /** Private bytes at the peak. */
  readonly needed: number;
  readonly fits: boolean;
}

/** The memory of this machine for a device, as it is when no other task runs. */
export function memoryHere(choice: DeviceChoice | undefined): MemoryHere {
  const device = choice ?? processor;
  return { choice: device, assumed: choice === undefined, available: deviceBudget(device, Infinity) };
}

/** The plan of a task, or of the built-in model where the shape is null. Tiles are those that the worker would choose. */
export function memoryPlan(
  task: Pick<Job, "kind" | "parameters" | "target">,
  shape: TransformerShape | null,
  { choice, available }: MemoryHere,
): MemoryPlan {
  const { tiling: wish, batchSize } = upscaleSettings(task);
  if (!shape) return { tiles: null, batchSize, needed: BUILTIN_PEAK, fits: BUILTIN_PEAK <= available };
  const { target } = task;
  const tiling = chooseTiling(wish, target, batchSize, available);
  const tileSide = tiling?.tile[0] ?? Infinity;
  const needed = memoryNeed({ target, frames: batchSize, tileSide }, shape, choice).peak;
  const cut = Math.max(target.width, target.height) > tileSide;
  const tiles = cut ? { side: tileSide, overlap: tiling?.overlap[0] ?? 0 } : null;
  return { tiles, batchSize, needed, fits: needed <= available };
}

/** What tasks of a model are compared by: a picture to 1080p, with everything else left out. */
const DEFAULT_TASK = { kind: "image", parameters: {}, target: { width: 1920, height: 1080 } } as const;

/** The plan of a model's default task. */
export function defaultPlan(shape: TransformerShape | null, here: MemoryHere): MemoryPlan {
  return memoryPlan(DEFAULT_TASK, shape, here);
}
