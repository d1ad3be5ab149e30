import assert from "node:assert";
import { parentPort } from "node:worker_threads";
import { asEngineError } from "../errors.ts";
import type { ErrorJson } from "../errors.ts";
import type { Frame } from "../media/frame.ts";
import { openModel } from "./open-model.ts";
import type { Batch, BatchPlan, LoadedModel, ModelWish, TargetSize, Upscaler, UpscaleSettings } from "./upscaler.ts";

/**
 * The thread that a model lives on. Running blocks a thread for as long as it takes; here it blocks neither the pipes
 * of decoder and encoder nor the messages to the engine. It is never terminated while it runs, because that takes the
 * process down: cancelling ends the whole worker process.
 */

export type ThreadRequest =
  | { id: number; ask: "open"; wish: ModelWish }
  | { id: number; ask: "prepare"; settings: UpscaleSettings }
  | { id: number; ask: "upscale"; batch: Batch; target: TargetSize; memory: number | undefined }
  | { id: number; ask: "finish" }
  | { id: number; ask: "close" };

/** What a request is answered with. */
export interface ThreadAnswer {
  readonly device?: string;
  readonly plan?: BatchPlan;
  readonly notes?: readonly string[];
  readonly frames?: Frame[];
}

export type ThreadMessage =
  | { id: number; answer: ThreadAnswer }
  | { id: number; error: ErrorJson }
  | { id: number; share: number; stage: string };

let model: LoadedModel | null = null;
let upscaler: Upscaler | null = null;

function tell(message: ThreadMessage, moved: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, moved);
}

async function answer(request: ThreadRequest): Promise<ThreadAnswer> {
  switch (request.ask) {
    case "open":
      model = await openModel(request.wish);
      return { device: model.device };
    case "prepare": {
      assert(model, "an upscaler is made of a model that was opened before");
      upscaler = await model.upscaler(request.settings);
      const { plan, notes } = upscaler;
      return { plan, notes };
    }
    case "upscale": {
      assert(upscaler, "an upscaler is used before it was made");
      const { id, batch, target, memory } = request;
      const onProgress = (share: number, stage: string) => tell({ id, share, stage });
      const options = { onProgress, ...(memory !== undefined && { memory }) };
      return { frames: await upscaler.upscale(batch, target, options), notes: upscaler.notes };
    }
    case "finish":
      await upscaler?.close();
      upscaler = null;
      return {};
    case "close":
      await upscaler?.close();
      await model?.close();
      parentPort?.unref();
      return {};
  }
}

/** Memory of the frames, which goes along instead of being copied. */
function buffersOf(frames: readonly Frame[]): ArrayBuffer[] {
  const all = frames.flatMap(({ rgb, alpha }) => [rgb.buffer, ...(alpha ? [alpha.buffer] : [])]);
  return [...new Set(all)];
}

parentPort?.on("message", async (request: ThreadRequest) => {
  const { id } = request;
  try {
    const made = await answer(request);
    tell({ id, answer: made }, buffersOf(made.frames ?? []));
  } catch (error) {
    tell({ id, error: asEngineError(error).toJSON() });
  }
});
