import type { Frame } from "../media/frame.ts";

/** A run of consecutive frames to be computed together. */
export interface Batch {
  /** All frames the network sees: context before, owned ones, context after. */
  readonly frames: readonly Frame[];
  /** Which of them the result must hold: frames[start] … frames[start + count − 1]. */
  readonly owned: { readonly start: number; readonly count: number };
  /** Index in the clip of frames[0]. */
  readonly first: number;
}

/** How a clip is cut into batches. Nothing outside the upscaler and this plan knows about batches. */
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
 * A network (or a stand-in for one) that makes frames larger. It lives as long as its model is loaded and serves one
 * batch at a time. The same batch and plan give the same pixels.
 */
export interface Upscaler {
  readonly plan: BatchPlan;
  /**
   * Enlarges a batch: resolves to the owned frames in order, each exactly `target` in size, depth and time kept,
   * alpha enlarged with it. Rejects with an EngineError. `signal` ends it between steps.
   */
  upscale(batch: Batch, target: TargetSize, options?: UpscaleOptions): Promise<Frame[]>;
  /** Frees sessions and memory; nothing may be called afterwards. */
  close(): Promise<void>;
}

export interface UpscaleOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: BatchProgress;
}
