import { availableParallelism } from "node:os";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { Network, NetworkSource, Tensors } from "./network.ts";
import { deviceName, devicesFor, executionProvider, noDevice } from "./providers.ts";
import type { Device, DeviceFailure } from "./providers.ts";

/**
 * Opens a network in this thread, on the first device that takes it; onnxruntime-node does not fall back by itself.
 * Its runs block the thread. For a small network `auto` is the processor: a few milliseconds gain nothing from a GPU that
 * has to be started first. Throws `provider_failed`.
 */
export async function openNetwork(source: NetworkSource): Promise<Network> {
  const failures: DeviceFailure[] = [];
  const wish = source.device === "auto" && source.small ? "cpu" : source.device;
  for (const device of devicesFor(wish, process.platform)) {
    try {
      return await openNetworkOn(device, source);
    } catch (error) {
      failures.push({ device: deviceName(device), reason: error instanceof Error ? error.message : String(error) });
    }
  }
  throw noDevice(failures);
}

/** Opens a network on one device; rejects with the runtime's own error. */
export async function openNetworkOn(
  device: Device,
  { path, threads }: Pick<NetworkSource, "path" | "threads">,
): Promise<Network> {
  const session = await InferenceSession.create(path, {
    executionProviders: [executionProvider(device)],
    intraOpNumThreads: threads || availableParallelism(),
    interOpNumThreads: 1,
    // Threads that spin while waiting take the processor from decoder and encoder.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  return networkOf(session, deviceName(device));
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
