import type { StoredWeight, WeightFile } from "../onnx/weight-demands.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { readValues } from "../weights/decode.ts";
import { networkIn, type Network } from "../weights/network.ts";
import { networkWeights, type Weight } from "../weights/network-weights.ts";
import type { Checkpoint, StoredTensor } from "../weights/stored-tensor.ts";

/** A checkpoint opened as the weights of a network. */
export interface NetworkFile extends WeightFile {
  readonly checkpoint: Checkpoint;
  /** What network it is, or nothing where it is none of ours. */
  readonly network: Network | undefined;
}

/** Opens a checkpoint: reads its header, its sizes and its markers. Throws `checkpoint_malformed`. */
export async function openNetworkFile(path: string): Promise<NetworkFile> {
  const checkpoint = await openCheckpoint(path);
  const weights = await networkWeights(checkpoint);
  return { path, checkpoint, weights, network: networkIn(path, weights), read: readWeight };
}

/** The values of a weight in fp32, multiplied by its scale where it has one. */
async function readWeight(weight: StoredWeight): Promise<Float32Array<ArrayBuffer>> {
  // Every weight handed out above is a tensor of engine/weights, whose types are the narrower ones.
  const tensor = weight as Weight;
  const values = await readValues(tensor);
  if (tensor.scale) applyScale(values, tensor, await readValues(tensor.scale as StoredTensor));
  return values;
}

function applyScale(values: Float32Array, { shape }: Weight, scale: Float32Array): void {
  const perScale = scale.length === 1 ? values.length : values.length / (shape[0] ?? 1);
  for (let i = 0; i < values.length; i++) {
    values[i] = (values[i] ?? 0) * (scale[Math.floor(i / perScale)] ?? 1);
  }
}
