/**
 * What storing a transformer's weights in each format costs: its output with the stored weights beside that with the fp32
 * ones, in dB, on small random networks of either kind and through the product (file, repacking, graphs). Once with
 * normal weights and once with heavy tails: Student's t with 4 degrees of freedom, scaled to the same deviation, because
 * trained weights have outliers and formats differ in how they bear them. `npx tsx bench/storage-loss.ts`
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { normalNoise } from "../engine/seedvr2/noise.ts";
import { rotaryFrequencies } from "../engine/seedvr2/rotary.ts";
import type { TransformerPass } from "../engine/seedvr2/transformer-network.ts";
import type { TransformerSizes } from "../engine/weights/network.ts";
import { f32Data, writeSafetensors, type TensorData } from "../engine/weights/safetensors-writer.ts";
import { countOf } from "../engine/weights/stored-type.ts";
import { openTransformer } from "../scripts/parity/networks.ts";
import { ggufBytes, i32ArrayPair, type GgufTensor } from "../test/weights/checkpoint-bytes.ts";
import { storeLayer, type LayerFormat } from "../test/weights/format-writers.ts";
import { report } from "./figures.ts";
import { transformers, weightShapes } from "./full-size/networks.ts";
import { distributionOf } from "./full-size/random-checkpoint.ts";
import { encoders, ROW } from "./stored-types.ts";

interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
type Weights = ReadonlyMap<string, Values>;

/** ggml's numbers of the types written. */
const GGML = { F32: 0, F16: 1, Q8_0: 8, Q4_K: 12 } as const;
const ALIGNMENT = 32;

/** Small networks of either kind, of widths that every format takes: matrices of 256 columns or a multiple. */
const networks: Readonly<Record<string, TransformerSizes>> = {
  "3B kind": small("3B", ["own", "own", "shared", "shared"]),
  "7B kind": small("7B", ["own", "own", "own", "own"]),
};
const tails = { normal: Infinity, "heavy tails": 4 } as const;

function small(kind: "3B" | "7B", blocks: readonly ("own" | "shared")[]): TransformerSizes {
  const hidden = kind === "3B" ? 768 : 1024;
  return {
    ...transformers[kind],
    ...{ dim: 256, heads: 4, headDim: 64, textFeatures: 256 },
    blocks: blocks.map((weights, i) => ({ weights, hidden, videoOnly: kind === "3B" && i === blocks.length - 1 })),
  };
}

/** How each is written; plain types hold all tensors, as such files do. */
const writers: Readonly<Record<string, (weights: Weights, path: string) => Promise<string>>> = {
  "fp16, all tensors": (weights, path) => writeAll("F16", weights, path),
  "fp8 e4m3, all tensors, no scales": (weights, path) => writeAll("F8_E4M3", weights, path),
  "fp8 e4m3 with a scale, matrices of the blocks": (weights, path) => writeLayers("fp8_scaled", weights, path),
  "Q8_0, matrices of the blocks": (weights, path) => writeGguf("Q8_0", weights, path),
  "Q4_K, matrices of the blocks": (weights, path) => writeGguf("Q4_K", weights, path),
  "int8 per row, matrices of the blocks": (weights, path) => writeLayers("int8_rows", weights, path),
  "int8 per row, rotated, matrices of the blocks": (weights, path) => writeLayers("int8_convrot", weights, path),
  "mxfp8, matrices of the blocks": (weights, path) => writeLayers("mxfp8", weights, path),
  "nvfp4, matrices of the blocks": (weights, path) => writeLayers("nvfp4", weights, path),
};

/** Large enough that what the blocks compute counts beside what passes them by. */
const gates = { mean: 0, deviation: 0.5 };

/** Weights of a network: matrices with such tails, the rest normal. */
function drawWeights(sizes: TransformerSizes, freedom: number): Weights {
  const drawn = [...weightShapes(sizes)].map(([name, shape], seed): [string, Values] => {
    const { mean, deviation } = name.endsWith("_gate") ? gates : distributionOf(name, shape);
    const values = shape.length === 2 ? tailed(countOf(shape), freedom, seed) : normal(countOf(shape), 1, seed);
    return [name, { shape, data: values.map((value) => mean + deviation * value) }];
  });
  const frequencies = { shape: [rotaryFrequencies(sizes).length], data: Float32Array.from(rotaryFrequencies(sizes)) };
  const tables = sizes.blocks.map((_, i): [string, Values] => [`blocks.${i}.attn.rope.rope.freqs`, frequencies]);
  return new Map([...drawn, ...tables]);
}

/** [rows, columns] normal values. */
function normal(rows: number, columns: number, seed: number): Float32Array {
  return normalNoise({ frames: 1, height: 1, width: rows, channels: columns }, seed, 0);
}

/** Student's t: a normal value over the root of the mean of `freedom` squared ones; divided by its own deviation. */
function tailed(count: number, freedom: number, seed: number): Float32Array {
  if (freedom === Infinity) return normal(count, 1, seed);
  const draws = normal(count, freedom + 1, seed);
  const deviation = Math.sqrt(freedom / (freedom - 2));
  return Float32Array.from({ length: count }, (_, i) => {
    const [value = 0, ...others] = draws.subarray(i * (freedom + 1), (i + 1) * (freedom + 1));
    return value / Math.sqrt(others.reduce((sum, other) => sum + other * other, 0) / freedom) / deviation;
  });
}

async function writeAll(type: "F32" | "F16" | "F8_E4M3", weights: Weights, path: string): Promise<string> {
  const tensors = new Map<string, TensorData>();
  for (const [name, { shape, data }] of weights) tensors.set(name, { type, shape, bytes: encoders[type](data) });
  return written(tensors, path);
}

/** As ComfyUI's tools: matrices of the blocks in the format, all else in fp16. */
async function writeLayers(format: LayerFormat, weights: Weights, path: string): Promise<string> {
  const tensors = new Map<string, TensorData>();
  for (const [name, { shape, data }] of weights) {
    const [rows = 0, columns = 0] = shape;
    if (isLayer(name, shape)) {
      const layer = storeLayer(format, name.replace(/\.weight$/, ""), { rows, columns, values: data });
      for (const [part, stored] of layer.tensors) tensors.set(part, stored);
    } else {
      tensors.set(name, { type: "F16", shape, bytes: encoders.F16(data) });
    }
  }
  return written(tensors, path);
}

/** One set of matrices for all formats, so that these alone differ: what files leave as it is weighs much here. */
function isLayer(name: string, shape: readonly number[]): boolean {
  return name.startsWith("blocks.") && shape.length === 2;
}

async function written(tensors: ReadonlyMap<string, TensorData>, path: string): Promise<string> {
  const file = `${path}.safetensors`;
  await writeSafetensors(file, tensors);
  return file;
}

/** The same matrices, cut anew to rows of whole blocks, as the tools for these files do where rows do not fit; all else in fp32. */
async function writeGguf(type: "Q8_0" | "Q4_K", weights: Weights, path: string): Promise<string> {
  const tensors: GgufTensor[] = [];
  const pairs: Buffer[] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of weights) {
    const quantised = isLayer(name, shape);
    const stored = quantised ? type : "F32";
    const dims = quantised ? [ROW, data.length / ROW] : [...shape].reverse();
    if (quantised) pairs.push(i32ArrayPair(`comfy.gguf.orig_shape.${name}`, shape));
    tensors.push({ name, dims, type: GGML[stored], offset });
    const bytes = encoders[stored](data);
    const padded = new Uint8Array(Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT);
    padded.set(bytes);
    parts.push(padded);
    offset += padded.length;
  }
  const file = `${path}.gguf`;
  await writeFile(file, ggufBytes({ tensors, pairs, data: Buffer.concat(parts) }));
  return file;
}

/** A pass through the network on random latents and a random prompt. */
async function outputOf(weights: string, sizes: TransformerSizes, cacheFolder: string): Promise<Float32Array> {
  const transformer = await openTransformer({ weights, config: {} }, { cacheFolder });
  const extent: TransformerPass["extent"] = [2, 16, 16];
  return transformer.run({
    ...{ extent, timestep: 1000, latent: normal(countOf(extent), sizes.channelsIn, 1001) },
    prompt: { shape: [8, sizes.textFeatures], data: normal(8, sizes.textFeatures, 1002) },
  });
}

/** Mean square of the exact values to that of the difference. */
function decibels(exact: Float32Array, other: Float32Array): number {
  let [signal, noise] = [0, 0];
  exact.forEach((value, i) => {
    signal += value ** 2;
    noise += (value - (other[i] as number)) ** 2;
  });
  return 10 * Math.log10(signal / noise);
}

const folder = await mkdtemp(join(tmpdir(), "seedvr2-storage-"));
try {
  const rows = new Map<string, string[]>(Object.keys(writers).map((name) => [name, [name]]));
  const columns: string[] = [];
  for (const [tail, freedom] of Object.entries(tails)) {
    for (const [kind, sizes] of Object.entries(networks)) {
      columns.push(`${kind}, ${tail}, dB`);
      const weights = drawWeights(sizes, freedom);
      const path = join(folder, String(columns.length));
      const plain = new Map([...weights].map(([name, { shape, data }]) => [name, f32Data(shape, data)]));
      const exact = await outputOf(await written(plain, `${path}-exact`), sizes, folder);
      for (const [index, [name, write]] of Object.entries(writers).entries()) {
        const file = await write(weights, `${path}-${index}`);
        rows.get(name)?.push(decibels(exact, await outputOf(file, sizes, folder)).toFixed(1));
        await rm(file);
      }
    }
  }
  report(["stored as", ...columns], [...rows.values()]);
} finally {
  await rm(folder, { recursive: true });
}
