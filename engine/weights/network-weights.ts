import { readBytes } from "./decode.ts";
import { malformed } from "./malformed.ts";
import { isRepackable, partEndings, wholeName } from "./repack.ts";
import { REPACK_VERSION_KEY } from "./repack-cache.ts";
import type { Checkpoint, StoredTensor } from "./stored-tensor.ts";
import { repackedWeight, weightOfBlocks, type Weight } from "./weight.ts";

/** Endings of a layer's name for the scale of its weight; the second is an older tool's (seedvr2-comfy-checkpoints.md). */
const SCALE_ENDINGS = [".weight_scale", ".scale_weight"];
const MARKER_ENDING = ".comfy_quant";
/** Recognised and without meaning here: scales of activations, a note that a file is fp8, prompts that ride along. */
const IGNORED = /(\.input_scale|\.scale_input|^scaled_fp8|^positive_conditioning|^negative_conditioning)$/;

/**
 * The weights of the network in a checkpoint, by name, with the tensors that only describe others attached to them or
 * left out. Throws `checkpoint_malformed` for a scale without a weight or of a wrong shape, and for storage that a
 * marker announces and nobody here can read.
 */
export async function networkWeights(checkpoint: Checkpoint): Promise<ReadonlyMap<string, Weight>> {
  const { path, tensors } = checkpoint;
  if (checkpoint.metadata.has(REPACK_VERSION_KEY)) return repackedWeights(tensors);
  const scales = new Map<string, StoredTensor>();
  const weights = new Map<string, Weight>();
  for (const tensor of tensors.values()) {
    const ending = SCALE_ENDINGS.find((end) => tensor.name.endsWith(end));
    if (ending) scales.set(`${tensor.name.slice(0, -ending.length)}.weight`, tensor);
    else if (tensor.name.endsWith(MARKER_ENDING)) await checkMarker(tensor);
    else if (!IGNORED.test(tensor.name))
      weights.set(tensor.name, isRepackable(tensor) ? weightOfBlocks(tensor) : tensor);
  }
  for (const [name, scale] of scales) {
    const weight = weights.get(name);
    if (!weight) throw malformed(path, { field: scale.name, found: "without a weight", allowed: `beside ${name}` });
    const rows = weight.shape[0] ?? 1;
    const count = scale.shape.reduce((product, size) => product * size, 1);
    if (count !== 1 && (count !== rows || scale.shape[0] !== rows)) {
      const allowed = `one value or ${rows}`;
      throw malformed(path, { field: `shape of ${scale.name}`, found: scale.shape, allowed });
    }
    weights.set(name, { ...weight, scale });
  }
  return weights;
}

/** The weights of a file from the repack cache: parts of a matrix put together under its name. */
function repackedWeights(tensors: Checkpoint["tensors"]): ReadonlyMap<string, Weight> {
  const weights = new Map<string, Weight>();
  const parts = new Set<string>();
  for (const [name, tensor] of tensors) {
    if (!name.endsWith(partEndings.integers)) continue;
    const whole = name.slice(0, -partEndings.integers.length);
    const weight = repackedWeight(whole, tensor, tensors);
    if (!weight) continue;
    weights.set(whole, weight);
    parts.add(whole);
  }
  for (const [name, tensor] of tensors) {
    if (!parts.has(wholeName(name)) && !IGNORED.test(name)) weights.set(name, tensor);
  }
  return weights;
}

/** Longest marker that is read, in bytes. */
const MAX_MARKER = 4096;

async function checkMarker(marker: StoredTensor): Promise<void> {
  const { path, name } = marker;
  const allowed = '{"format": "float8_e4m3fn"}';
  if (marker.length > MAX_MARKER) {
    throw malformed(path, { field: `length of ${name}`, found: marker.length, allowed: `at most ${MAX_MARKER}` });
  }
  const text = Buffer.from(await readBytes(marker)).toString("utf8");
  let format: unknown;
  try {
    format = (JSON.parse(text) as { format?: unknown } | null)?.format;
  } catch {
    throw malformed(path, { field: name, found: text, allowed });
  }
  if (format !== "float8_e4m3fn") throw malformed(path, { field: `format in ${name}`, found: format, allowed });
}
