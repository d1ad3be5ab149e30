import { openNetworkThread } from "../onnx/open-network-thread.ts";
import { builtinUpscaler } from "./builtin.ts";
import type { Upscaler } from "./upscaler.ts";

export interface UpscalerWish {
  readonly kind: "builtin";
  /** The model's file. */
  readonly path: string;
  readonly device: string;
  readonly threads: number;
  /** JavaScript file of the thread that networks run on. */
  readonly networkThread: URL | string;
}

export interface OpenedUpscaler {
  readonly upscaler: Upscaler;
  /** Execution provider it runs on. */
  readonly device: string;
}

/** Loads a model. Throws `provider_failed` where nothing can run it. */
export async function openUpscaler(wish: UpscalerWish): Promise<OpenedUpscaler> {
  const { path, device, threads } = wish;
  const network = await openNetworkThread(wish.networkThread, { path, device, threads, small: true });
  return { upscaler: builtinUpscaler(network), device: network.device };
}
