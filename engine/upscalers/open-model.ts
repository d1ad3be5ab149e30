import { processor } from "../onnx/device-choice.ts";
import { openNetwork } from "../onnx/open-network.ts";
import { builtinUpscaler } from "./builtin.ts";
import { openSeedvr2 } from "./open-seedvr2.ts";
import type { LoadedModel, ModelWish } from "./upscaler.ts";
import { withAlpha } from "./with-alpha.ts";

/**
 * Loads a model in this thread, which its runs block: see `openModelThread` for one that does not. Throws
 * `provider_failed` where nothing can run it.
 */
export async function openModel(wish: ModelWish): Promise<LoadedModel> {
  const model = await openColourModel(wish);
  return {
    get device() {
      return model.device;
    },
    upscaler: async (settings) => withAlpha(await model.upscaler(settings)),
    close: () => model.close(),
  };
}

async function openColourModel({ files, device, choice, threads }: ModelWish): Promise<LoadedModel> {
  if (files.kind === "seedvr2") return openSeedvr2(files, choice ?? processor, threads);
  const network = await openNetwork({ path: files.path, device, threads, small: true });
  return {
    device: network.device,
    upscaler: async () => builtinUpscaler(network),
    close: () => network.close(),
  };
}
