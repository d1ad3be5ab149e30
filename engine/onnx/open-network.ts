import { availableParallelism } from "node:os";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { Network, NetworkSource, Tensors } from "./network.ts";
import { noProvider, providersFor } from "./providers.ts";
import type { ProviderFailure } from "./providers.ts";

/**
 * Opens a network in this thread, on the first provider that takes it; onnxruntime-node does not fall back by itself.
 * Its runs block the thread. Throws `provider_failed`.
 */
export async function openNetwork(source: NetworkSource): Promise<Network> {
  const failures: ProviderFailure[] = [];
  for (const provider of providersFor(source.device, process.platform, source.small)) {
    try {
      return await openNetworkOn(provider, source);
    } catch (error) {
      failures.push({ provider, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  throw noProvider(failures);
}

/** Opens a network on one provider; rejects with the runtime's own error. */
export async function openNetworkOn(
  provider: string,
  { path, threads }: Pick<NetworkSource, "path" | "threads">,
): Promise<Network> {
  const session = await InferenceSession.create(path, {
    executionProviders: [provider],
    intraOpNumThreads: threads || availableParallelism(),
    interOpNumThreads: 1,
    // Threads that spin while waiting take the processor from decoder and encoder.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  return networkOf(session, provider);
}

function networkOf(session: InferenceSession, device: string): Network {
  return {
    device,
    async run(inputs: Tensors): Promise<Tensors> {
      const feeds = Object.entries(inputs).map(([name, t]) => [name, new Tensor(t.type, t.data, t.dims)] as const);
      const outputs = await session.run(Object.fromEntries(feeds));
      const values = Object.entries(outputs).map(([name, t]) => [name, { type: t.type, dims: t.dims, data: t.data }]);
      return Object.fromEntries(values) as Tensors;
    },
    close: () => session.release(),
  };
}
