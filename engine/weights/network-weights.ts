import { readBytes } from "./decode.ts";
import { MAX_MARKER, parseMarker } from "./layer-marker.ts";
import { malformed } from "./malformed.ts";
import { quantisedWeight } from "./quantised-layer.ts";
import { isRepackable, partEndings, wholeName } from "./repack.ts";
import { REPACK_VERSION_KEY } from "./repack-cache.ts";
import type { Checkpoint, StoredTensor } from "./stored-tensor.ts";
import { repackedWeight, weightOfBlocks, type Weight } from "./weight.ts";

/** What a tensor beside a weight says about it, by the ending of its name (seedvr2-comfy-checkpoints.md). */
const companions = {
  ".weight_scale": "scale",
  /** An older tool's name for the same. */
  ".scale_weight": "scale",
  ".weight_scale_2": "tensorScale",
  ".comfy_quant": "marker",
} as const;
type Companion = (typeof companions)[keyof typeof companions];

/** Recognised and without meaning here: scales of activations, a note that a file is fp8, prompts that ride along. */
const IGNORED = /(\.input_scale|\.scale_input|^scaled_fp8|^positive_conditioning|^negative_conditioning)$/;

/**
 * The weights of the network in a checkpoint, by name, with the tensors that only describe others attached to them or
 * left out. Throws `checkpoint_malformed` for a scale without a weight or of a wrong shape, and for storage that a
 * marker announces and nobody here can read.
 */
export async function networkWeights(checkpoint: Checkpoint): Promise<ReadonlyMap<string, Weight>> {
  if (checkpoint.metadata.has(REPACK_VERSION_KEY)) return repackedWeights(checkpoint.tensors);
  const markers = new Map<string, Uint8Array>();
  for (const tensor of checkpoint.tensors.values()) {
    if (!tensor.name.endsWith(".comfy_quant")) continue;
    if (tensor.length > MAX_MARKER) {
      const allowed = `at most ${MAX_MARKER} bytes`;
      throw malformed(tensor.path, { field: `length of ${tensor.name}`, found: tensor.length, allowed });
    }
    markers.set(tensor.name, await readBytes(tensor));
  }
  return weightsWith(checkpoint, markers);
}

/** The same, with the bytes of all markers at hand. */
export function weightsWith(
  { path, tensors }: Checkpoint,
  markers: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Weight> {
  const weights = new Map<string, Weight>();
  const beside = new Map<string, Partial<Record<Companion, StoredTensor>>>();
  for (const tensor of tensors.values()) {
    const ending = (Object.keys(companions) as (keyof typeof companions)[]).find((end) => tensor.name.endsWith(end));
    if (ending) {
      const name = `${tensor.name.slice(0, -ending.length)}.weight`;
      beside.set(name, { ...beside.get(name), [companions[ending]]: tensor });
    } else if (!IGNORED.test(tensor.name)) {
      weights.set(tensor.name, isRepackable(tensor) ? weightOfBlocks(tensor) : tensor);
    }
  }
  refuseBareCodes([...tensors.values()].filter(({ name }) => weights.has(name) && !beside.has(name)));
  for (const [name, { marker, ...scales }] of beside) {
    const codes = tensors.get(name);
    if (!codes) {
      const field = (marker ?? scales.scale ?? scales.tensorScale)?.name ?? name;
      throw malformed(path, { field, found: "without a weight", allowed: `beside ${name}` });
    }
    const bytes = marker && markers.get(marker.name);
    const said = bytes && parseMarker(path, marker.name, bytes);
    weights.set(name, quantisedWeight({ codes, marker: said, ...scales }));
  }
  return weights;
}

/** Whole numbers are no weights without a scale beside them. */
function refuseBareCodes(tensors: readonly StoredTensor[]): void {
  for (const codes of tensors) {
    if (codes.name.endsWith(".weight") && (codes.type === "I8" || codes.type === "U8")) quantisedWeight({ codes });
  }
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
