import { openCheckpoint } from "../../engine/weights/checkpoint.ts";
import { readBytes } from "../../engine/weights/decode.ts";
import { writeSafetensors, type TensorData } from "../../engine/weights/safetensors-writer.ts";

/** Writes a copy of a safetensors file with tensors changed, added or left out. */
export async function changedCheckpoint(
  from: string,
  to: string,
  change: (tensors: Map<string, TensorData>) => void,
): Promise<void> {
  const tensors = new Map<string, TensorData>();
  for (const tensor of (await openCheckpoint(from)).tensors.values()) {
    tensors.set(tensor.name, { type: tensor.type, shape: tensor.shape, bytes: await readBytes(tensor) });
  }
  change(tensors);
  await writeSafetensors(to, tensors);
}
