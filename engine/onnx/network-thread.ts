import { parentPort } from "node:worker_threads";
import assert from "node:assert";
import { asEngineError } from "../errors.ts";
import type { ErrorJson } from "../errors.ts";
import type { Network, NetworkSource, Tensors } from "./network.ts";
import { openNetwork } from "./open-network.ts";

/**
 * The thread that networks run on. Running blocks a thread for as long as it takes; here it blocks neither the pipes
 * of decoder and encoder nor the messages to the engine. It is never terminated while it runs, because that takes the
 * process down: cancelling ends the whole worker process.
 */

export type ThreadRequest =
  | { id: number; ask: "open"; source: NetworkSource }
  | { id: number; ask: "run"; inputs: Tensors }
  | { id: number; ask: "close" };

export type ThreadAnswer = { id: number; device?: string; outputs?: Tensors; error?: ErrorJson };

let network: Network | null = null;

async function answer(request: ThreadRequest): Promise<Omit<ThreadAnswer, "id">> {
  switch (request.ask) {
    case "open":
      network = await openNetwork(request.source);
      return { device: network.device };
    case "run":
      assert(network, "a network is run before it was opened");
      return { outputs: await network.run(request.inputs) };
    case "close":
      await network?.close();
      parentPort?.unref();
      return {};
  }
}

parentPort?.on("message", async (request: ThreadRequest) => {
  try {
    const { outputs, ...rest } = await answer(request);
    const buffers = Object.values(outputs ?? {}).map((value) => value.data.buffer as ArrayBuffer);
    parentPort?.postMessage({ id: request.id, ...rest, ...(outputs && { outputs }) }, buffers);
  } catch (error) {
    parentPort?.postMessage({ id: request.id, error: asEngineError(error).toJSON() });
  }
});
