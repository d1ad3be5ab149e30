/**
 * What storing a transformer's weights in each type costs: its output with the stored weights beside that with the fp32
 * ones, in dB, on the tiny random networks of the tests and through the product (file, repacking, graphs).
 * `npx tsx bench/storage-loss.ts`
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "../engine/weights/checkpoint.ts";
import { readValues } from "../engine/weights/decode.ts";
import { writeSafetensors, type TensorData } from "../engine/weights/safetensors-writer.ts";
import type { Extent } from "../engine/seedvr2/windows.ts";
import { GoldenFile } from "../scripts/parity/golden-file.ts";
import { readGoldenFolder, type GoldenCase, type GoldenNetwork } from "../scripts/parity/golden-folder.ts";
import { openTransformer } from "../scripts/parity/networks.ts";
import { golden } from "../test/fixtures/golden-path.ts";
import { ggufBytes, i32ArrayPair, type GgufTensor } from "../test/weights/checkpoint-bytes.ts";
import { report } from "./figures.ts";
import { encoders, ROW } from "./stored-types.ts";

interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
type Weights = ReadonlyMap<string, Values>;

/** ggml's numbers of the types written. */
const GGML = { F32: 0, F16: 1, Q8_0: 8, Q4_K: 12 } as const;
const ALIGNMENT = 32;

/** How each is written: safetensors with one type for all, or GGUF with matrices in it and the rest in fp32. */
const writers = {
  "fp16, all tensors": (weights: Weights, path: string) => writeAll("F16", weights, path),
  "fp8 e4m3, all tensors, no scales": (weights: Weights, path: string) => writeAll("F8_E4M3", weights, path),
  "Q8_0, matrices": (weights: Weights, path: string) => writeGguf("Q8_0", weights, path),
  "Q4_K, matrices": (weights: Weights, path: string) => writeGguf("Q4_K", weights, path),
} as const;

async function readWeights(path: string): Promise<Weights> {
  const weights = new Map<string, Values>();
  for (const tensor of (await openCheckpoint(path)).tensors.values()) {
    weights.set(tensor.name, { shape: tensor.shape, data: await readValues(tensor) });
  }
  return weights;
}

async function writeAll(type: "F16" | "F8_E4M3", weights: Weights, path: string): Promise<string> {
  const tensors = new Map<string, TensorData>();
  for (const [name, { shape, data }] of weights) tensors.set(name, { type, shape, bytes: encoders[type](data) });
  const file = `${path}.safetensors`;
  await writeSafetensors(file, tensors);
  return file;
}

/** Matrices are cut anew to rows of whole blocks, as the tools for these files do where rows do not fit. */
async function writeGguf(type: "Q8_0" | "Q4_K", weights: Weights, path: string): Promise<string> {
  const tensors: GgufTensor[] = [];
  const pairs: Buffer[] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of weights) {
    const quantised = shape.length === 2 && data.length % ROW === 0;
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

/** The network's output for a case's inputs. */
async function outputOf(network: GoldenNetwork, { path }: GoldenCase, cacheFolder: string): Promise<Float32Array> {
  const transformer = await openTransformer(network, { cacheFolder });
  const inputs = await GoldenFile.open(path);
  return transformer.run({
    extent: (await inputs.integers("vid_shape")) as unknown as Extent,
    latent: (await inputs.tensor("vid")).data,
    prompt: await inputs.tensor("txt"),
    timestep: (await inputs.integers("timestep"))[0] ?? 0,
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
  const cases = (await readGoldenFolder(golden("dit")))?.cases.filter(({ name }) => name.endsWith(".case2")) ?? [];
  const rows = new Map<string, string[]>(Object.keys(writers).map((name) => [name, [name]]));
  for (const one of cases) {
    const weights = await readWeights(one.network.weights);
    const exact = await outputOf(one.network, one, folder);
    for (const [name, write] of Object.entries(writers)) {
      const file = await write(weights, join(folder, `${one.name}-${name.slice(0, 4).trim()}`));
      const output = await outputOf({ ...one.network, weights: file }, one, folder);
      rows.get(name)?.push(decibels(exact, output).toFixed(1));
    }
  }
  report(["stored as", ...cases.map(({ name }) => `${name}, dB`)], [...rows.values()]);
} finally {
  await rm(folder, { recursive: true });
}
