import { asEngineError } from "../errors.ts";
import type { StoredWeight, WeightFile } from "../onnx/weight-demands.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { isQuantised } from "../weights/gguf-blocks.ts";
import { byteValues } from "../weights/number-formats.ts";
import { networkIn, type Network } from "../weights/network.ts";
import { networkWeights } from "../weights/network-weights.ts";
import { repackedCheckpoint } from "../weights/repack-cache.ts";
import type { Checkpoint } from "../weights/stored-tensor.ts";
import type { Weight } from "../weights/weight.ts";
import { weightValues } from "../weights/weight-values.ts";

/** A checkpoint opened as the weights of a network. */
export interface NetworkFile extends WeightFile {
  readonly checkpoint: Checkpoint;
  /** What network it is, or nothing where it is none of ours. */
  readonly network: Network | undefined;
  /** What the user should know about it. */
  readonly warnings: readonly string[];
}

/**
 * Opens a checkpoint: reads its header, its sizes and its markers. With a cache folder, GGUF blocks are repacked there
 * once; where that is not possible (no space, no right to write) they are taken apart whenever a part of the network is
 * loaded, some rows at a time, with a warning. Throws `checkpoint_malformed`.
 */
export async function openNetworkFile(path: string, cacheFolder?: string): Promise<NetworkFile> {
  const source = await openCheckpoint(path);
  const quantised = [...source.tensors.values()].some(({ type }) => isQuantised(type));
  const warnings: string[] = [];
  let checkpoint = source;
  if (quantised && cacheFolder !== undefined) {
    try {
      checkpoint = await repackedCheckpoint(source, cacheFolder);
    } catch (error) {
      const { code, what } = asEngineError(error);
      if (code === "checkpoint_malformed") throw error;
      warnings.push(
        `The weights were decoded again in every part of the run, which is slower, because they could not be repacked. ${what} ` +
          "With space in a folder that can be written (SEEDVR2_CACHE_DIR) this is done once.",
      );
    }
  }
  const weights = await networkWeights(checkpoint);
  return { path, checkpoint, weights, network: networkIn(path, weights), warnings, byteValues, read: readWeight };
}

/** Every weight handed out above is one of engine/weights, whose types are the narrower ones. */
function readWeight(weight: StoredWeight): Promise<Float32Array<ArrayBuffer>> {
  return weightValues(weight as Weight);
}
