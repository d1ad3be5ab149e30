import assert from "node:assert";
import { Worker } from "node:worker_threads";
import { EngineError } from "../errors.ts";
import type { BatchProgress, LoadedModel, ModelWish, Upscaler, UpscaleSettings } from "./upscaler.ts";
import type { ThreadAnswer, ThreadMessage, ThreadRequest } from "./upscaler-thread.ts";

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

interface Asked {
  resolve(answer: ThreadAnswer): void;
  reject(error: unknown): void;
  readonly onProgress: BatchProgress | undefined;
}

/**
 * Loads a model on a thread of its own (`entry` is upscaler-thread's file), so that runs block nobody else. It makes one
 * upscaler at a time. Rejects as `openModel` does.
 */
export async function openModelThread(entry: URL | string, wish: ModelWish): Promise<LoadedModel> {
  const thread = new Worker(entry, { execArgv: [] });
  const ask = requestsTo(thread);
  const { device } = await ask({ ask: "open", wish }).catch(async (error: unknown) => {
    await thread.terminate(); // nothing runs on it
    throw error;
  });
  assert(device, "an opened model says its device");
  return {
    device,
    upscaler: (settings) => threadUpscaler(ask, settings),
    close: async () => void (await ask({ ask: "close" })),
  };
}

type Ask = (request: WithoutId<ThreadRequest>, onProgress?: BatchProgress) => Promise<ThreadAnswer>;

async function threadUpscaler(ask: Ask, settings: UpscaleSettings): Promise<Upscaler> {
  const { plan, notes: first } = await ask({ ask: "prepare", settings });
  assert(plan && first, "a prepared upscaler says its plan and notes");
  let notes = first;
  return {
    plan,
    get notes() {
      return notes;
    },
    async upscale(batch, target, { signal, onProgress, memory } = {}) {
      signal?.throwIfAborted();
      const made = await ask({ ask: "upscale", batch, target, memory }, onProgress);
      assert(made.frames && made.notes, "frames are answered with frames");
      ({ notes } = made);
      return made.frames;
    },
    close: async () => void (await ask({ ask: "finish" })),
  };
}

/** Numbers requests and gives each its answer. */
function requestsTo(thread: Worker): Ask {
  const waiting = new Map<number, Asked>();
  let lastId = 0;
  thread.on("message", (message: ThreadMessage) => {
    const asked = waiting.get(message.id);
    if ("stage" in message) return asked?.onProgress?.(message.share, message.stage);
    waiting.delete(message.id);
    if ("error" in message) asked?.reject(EngineError.from(message.error));
    else asked?.resolve(message.answer);
  });
  thread.on("error", (error) => waiting.forEach(({ reject }) => reject(error)));
  return (request, onProgress) =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject, onProgress });
      thread.postMessage({ ...request, id });
    });
}
