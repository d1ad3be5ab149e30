import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { Shape } from "../../engine/onnx/value.ts";
import { rotaryFrequencies } from "../../engine/seedvr2/rotary.ts";
import type { Network } from "../../engine/weights/network.ts";
import { isRepackable, repackedParts } from "../../engine/weights/repack.ts";
import { safetensorsHeader } from "../../engine/weights/safetensors-writer.ts";
import { byteLength, countOf } from "../../engine/weights/stored-type.ts";
import { ggufHeader, GGUF_ALIGNMENT } from "./gguf-header.ts";
import { isQuantisedLayer, randomLayer, type LayerFormat, type RandomTensor } from "./layer-formats.ts";
import { weightShapes } from "./networks.ts";
import { encoded, type Distribution, type RandomType, type RandomValues } from "./random-values.ts";

/** A way to store a network: the type of each weight, and the kind of file. */
export interface Format {
  readonly file: "safetensors" | "gguf";
  readonly typeOf: (name: string, shape: Shape) => RandomType;
  /** How the matrices of the blocks are stored, where it is in no plain type. */
  readonly layers?: LayerFormat;
}

const inLayers = (layers: LayerFormat): Format => ({ file: "safetensors", typeOf: () => "F16", layers });

export const formats = {
  fp16: { file: "safetensors", typeOf: () => "F16" },
  fp8: { file: "safetensors", typeOf: (_, shape) => (shape.length === 2 ? "F8_E4M3" : "F16") },
  Q8_0: { file: "gguf", typeOf: (_, shape) => inBlocks(shape, 32, "Q8_0") },
  // Like llama.cpp's mixture: some of the layers that matter most have six bits.
  Q4_K_M: {
    file: "gguf",
    typeOf: (name, shape) => inBlocks(shape, 256, /\.[1-9]?[02468]\.mlp.*proj_out/.test(name) ? "Q6_K" : "Q4_K"),
  },
  int8_convrot: inLayers("int8_convrot"),
  mxfp8: inLayers("mxfp8"),
  nvfp4: inLayers("nvfp4"),
} satisfies Record<string, Format>;

export type FormatName = keyof typeof formats;

/** The file of a network of random weights in a format: what it holds and how large it is. */
export interface CheckpointPlan {
  readonly format: Format;
  readonly network: Network;
  readonly tensors: ReadonlyMap<string, RandomTensor>;
  readonly bytes: number;
  /** What the product writes beside it before it runs. */
  readonly cacheBytes: number;
}

export function planCheckpoint(network: Network, format: Format): CheckpointPlan {
  const tensors = new Map([...weightShapes(network)].flatMap(([name, shape]) => tensorsOf(name, shape, format)));
  if (network.kind === "transformer") {
    const type = format.file === "gguf" ? "F32" : "F16";
    const frequencies = Float32Array.from(rotaryFrequencies(network));
    const stored: RandomTensor = { type, shape: [frequencies.length], filled: encoded(type, frequencies) };
    for (const index of network.blocks.keys()) tensors.set(`blocks.${index}.attn.rope.rope.freqs`, stored);
  }
  const bytes = [...tensors.values()].reduce((all, { type, shape }) => all + byteLength(type, countOf(shape)), 0);
  return { format, network, tensors, bytes, cacheBytes: format.file === "gguf" ? repackedBytes(tensors) : 0 };
}

/** A weight, or what stands for it in the file. */
function tensorsOf(name: string, shape: Shape, { typeOf, layers }: Format): [string, RandomTensor][] {
  const distribution = distributionOf(name, shape);
  if (layers && isQuantisedLayer(layers, name, shape)) return randomLayer(layers, name, shape, distribution.deviation);
  return [[name, { type: typeOf(name, shape), shape, distribution }]];
}

/** Writes the file. */
export async function writeCheckpoint(path: string, plan: CheckpointPlan, random: RandomValues): Promise<void> {
  const { tensors, format } = plan;
  const out = createWriteStream(path);
  await write(out, format.file === "gguf" ? ggufHeader(tensors) : safetensorsHeader(tensors));
  for (const { type, shape, distribution, filled } of tensors.values()) {
    const length = byteLength(type, countOf(shape));
    const pieces = filled ? [Buffer.alloc(length, filled)] : random.pieces(type, countOf(shape), distribution);
    for (const piece of pieces) await write(out, piece);
    const rest = length % GGUF_ALIGNMENT;
    if (format.file === "gguf" && rest > 0) await write(out, new Uint8Array(GGUF_ALIGNMENT - rest));
  }
  out.end();
  await finished(out);
}

async function write(out: WriteStream, bytes: Uint8Array): Promise<void> {
  if (!out.write(bytes)) await once(out, "drain");
}

/**
 * Values that keep what flows through a network near 1: matrices divide by the root of what they sum over, norms and
 * scales are near 1, shifts, gates and biases small.
 */
export function distributionOf(name: string, shape: Shape): Distribution {
  if (/norm.*\.weight$|_scale$/.test(name)) return { mean: 1, deviation: 0.1 };
  if (/_(shift|gate)$|bias$/.test(name)) return { mean: 0, deviation: 0.1 };
  const summed = countOf(shape.slice(1));
  // The embedding of the timestep is added to the networks' own shifts, scales and gates.
  return { mean: 0, deviation: (name.startsWith("emb_in.proj_out") ? 0.1 : 1) / Math.sqrt(summed) };
}

/** Matrices whose rows are whole blocks; the rest as converters leave it. */
function inBlocks(shape: Shape, values: number, type: RandomType): RandomType {
  if (shape.length !== 2) return "F32";
  return (shape[1] ?? 0) % values === 0 ? type : "F16";
}

function repackedBytes(tensors: ReadonlyMap<string, RandomTensor>): number {
  let bytes = 0;
  for (const [name, { type, shape }] of tensors) {
    const tensor = { name, type, shape, path: "", offset: 0, length: 0 };
    const parts = isRepackable(tensor) ? repackedParts(tensor) : [tensor];
    for (const part of parts) bytes += byteLength(part.type, countOf(part.shape));
  }
  return bytes;
}
