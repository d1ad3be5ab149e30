import type { ColourMethod } from "../colour/colour-correction.ts";
import type { Frame } from "../media/frame.ts";
import type { DeviceChoice } from "../onnx/device-choice.ts";

/** A run of consecutive frames to be computed together. */
export interface Batch {
  /** All frames the network sees: context before, owned ones, context after. */
  readonly frames: readonly Frame[];
  /** Which of them the result must hold: frames[start] … frames[start + count − 1]. */
  readonly owned: { readonly start: number; readonly count: number };
  /** Index in the clip of frames[0]. */
  readonly first: number;
}

/**
 * How a clip is cut into batches: each starts at a multiple of `owned`. Nothing outside the upscaler and this plan knows
 * about batches.
 */
export interface BatchPlan {
  /** Frames a batch owns, except the last one of a clip. */
  readonly owned: number;
  /** Frames of context wanted before and after the owned ones; fewer at the clip's ends. */
  readonly before: number;
  readonly after: number;
}

export interface TargetSize {
  readonly width: number;
  readonly height: number;
}

/** Told how far a batch is: share 0 … 1 of its work, and what is being done in words of the field. */
export type BatchProgress = (share: number, stage: string) => void;

/**
 * A network (or a stand-in for one) that makes the frames of one task larger. It serves one batch at a time; batches of
 * a clip come in order, but any may come first. The same batch and plan give the same pixels.
 */
export interface Upscaler {
  readonly plan: BatchPlan;
  /** What the user should know about results, finished sentences; more may follow with each batch. */
  readonly notes: readonly string[];
  /**
   * Enlarges a batch: resolves to the owned frames in order, each exactly `target` in size, depth and time kept, alpha
   * enlarged with it (networks know only colour: `withAlpha`). Rejects with an EngineError. `signal` ends it between steps.
   */
  upscale(batch: Batch, target: TargetSize, options?: UpscaleOptions): Promise<Frame[]>;
  /** Frees sessions and memory; nothing may be called afterwards. */
  close(): Promise<void>;
}

export interface UpscaleOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: BatchProgress;
  /**
   * Bytes that the computation may plan with: decides on tiles. Fixed when a task starts, so that what is resumed is
   * computed the same. Without it nothing gives way.
   */
  readonly memory?: number;
}

/** What a task wishes of a model; the built-in one has no use for it. */
export interface UpscaleSettings {
  /** 4n + 1 */
  readonly batchSize: number;
  readonly overlap: number;
  /** Extends a short last batch to the size of the others. */
  readonly uniform: boolean;
  readonly colour: ColourMethod;
  readonly seed: number;
  readonly inputNoiseScale: number;
  readonly latentNoiseScale: number;
  readonly tiling: TilingWish;
}

/** How the autoencoder's tiles are chosen; lengths in pixels. */
export interface TilingWish {
  readonly mode: "auto" | "on" | "off";
  readonly quality: "low" | "medium" | "high";
  /** Side of a tile, and what neighbours share, instead of what the quality says. */
  readonly size?: number | undefined;
  readonly overlap?: number | undefined;
  /** Side that tiles must stay below in `auto`, because memory ran out with that. */
  readonly below?: number | undefined;
}

/** A model's files. */
export type ModelFiles =
  | { readonly kind: "builtin"; readonly path: string }
  | {
      readonly kind: "seedvr2";
      readonly path: string;
      readonly autoencoder: string;
      /** File of the prompt embedding; null where the checkpoint itself holds it. */
      readonly prompt: string | null;
      /** Where GGUF blocks are repacked to. */
      readonly cacheDir: string;
    };

/** A model in memory. It lives until `close`; the upscalers made of it end before. */
export interface LoadedModel {
  /** Execution provider it runs on. */
  readonly device: string;
  /** An upscaler for one task. */
  upscaler(settings: UpscaleSettings): Promise<Upscaler>;
  close(): Promise<void>;
}

export interface ModelWish {
  readonly files: ModelFiles;
  /** Value of SEEDVR2_DEVICE; for the built-in model. */
  readonly device: string;
  /** What SeedVR2's networks are computed on; the processor where nothing is said. */
  readonly choice?: DeviceChoice | undefined;
  /** Threads a network runs with; 0 is one per processor. */
  readonly threads: number;
}
