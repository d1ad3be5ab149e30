import { Worker } from "node:worker_threads";
import assert from "node:assert";
import { EngineError } from "../errors.ts";
import type { Network, NetworkSource, Tensors } from "./network.ts";
import type { ThreadAnswer, ThreadRequest } from "./network-thread.ts";

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

/** Opens a network on a thread of its own (`entry` is network-thread's file), so that runs block nobody else. */
export async function openNetworkThread(entry: URL | string, source: NetworkSource): Promise<Network> {
  const thread = new Worker(entry, { execArgv: [] });
  const waiting = new Map<number, { resolve(answer: ThreadAnswer): void; reject(error: unknown): void }>();
  let lastId = 0;
  thread.on("message", (answer: ThreadAnswer) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.error) asked?.reject(EngineError.from(answer.error));
    else asked?.resolve(answer);
  });
  thread.on("error", (error) => waiting.forEach(({ reject }) => reject(error)));

  const ask = (request: WithoutId<ThreadRequest>) =>
    new Promise<ThreadAnswer>((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      thread.postMessage({ ...request, id });
    });

  const { device } = await ask({ ask: "open", source });
  assert(device, "an opened network says its device");
  return {
    device,
    async run(inputs: Tensors): Promise<Tensors> {
      const { outputs } = await ask({ ask: "run", inputs });
      assert(outputs, "a run answers with outputs");
      return outputs;
    },
    async close(): Promise<void> {
      await ask({ ask: "close" });
    },
  };
}
