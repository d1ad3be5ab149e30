import { colourCorrections } from "../../engine/colour/colour-correction.ts";
import { framesOf, pickedFrames, type Planes } from "../../engine/colour/planes.ts";
import { prepended } from "../../engine/pipeline/prepended-frames.ts";
import { clipBatches, type BatchRules, type ClipBatch } from "../../engine/seedvr2/batches.ts";
import type { TensorValue } from "../../engine/onnx/session.ts";
import { frameSizes, type FrameSizes } from "../../engine/seedvr2/resize.ts";
import {
  correctBatch,
  joinBatch,
  prepareBatch,
  restoreBatch,
  toUnitRange,
  trimmed,
  type NoiseSource,
  type RestorationNetworks,
  type RestorationOptions,
} from "../../engine/seedvr2/restoration.ts";
import type { Sides } from "../../engine/seedvr2/autoencoder/tiles.ts";
import { chainAims } from "./aims.ts";
import { Comparison } from "./comparison.ts";
import type { GoldenFile, GoldenTensor } from "./golden-file.ts";

interface ChainParams {
  readonly resolution: number;
  readonly max_resolution: number;
  readonly batch_size: number;
  readonly uniform_batch_size: boolean;
  readonly temporal_overlap: number;
  readonly prepend_frames: number;
  readonly color_correction: keyof typeof colourCorrections;
  readonly input_noise_scale: number;
  readonly latent_noise_scale: number;
  readonly encode_tiled: boolean;
  readonly encode_tile_size: Sides;
  readonly encode_tile_overlap: Sides;
  readonly decode_tiled: boolean;
  readonly decode_tile_size: Sides;
  readonly decode_tile_overlap: Sides;
}

const INPUTS = /^(frames|prompt)$|\.(input_noise|noise|aug_noise)$/;
/** Ours is defined otherwise, so it is not part of parity. */
const ALPHA = /alpha/;

interface Chain {
  readonly golden: GoldenFile;
  readonly comparison: Comparison;
  readonly networks: RestorationNetworks;
  readonly params: ChainParams;
  readonly rules: BatchRules;
  readonly sizes: FrameSizes;
}

/** Runs a case of kind chain: frames in to frames out with the file's noise. */
export async function runChainCase(
  networks: Omit<RestorationNetworks, "prompt">,
  golden: GoldenFile,
): Promise<Comparison> {
  const params = golden.json("params") as ChainParams;
  const comparison = new Comparison(golden, chainAims(params.color_correction));
  const frames = colourPlanes(await golden.tensor("frames"));
  const source = pickedFrames(frames, prepended(frames.frames, params.prepend_frames));
  const chain: Chain = {
    golden,
    comparison,
    networks: { ...networks, prompt: await golden.tensor("prompt") },
    params,
    rules: {
      batchSize: params.batch_size,
      overlap: params.temporal_overlap,
      uniform: params.uniform_batch_size,
    },
    sizes: frameSizes(frames, params.resolution, params.max_resolution),
  };
  const batches = clipBatches(source.frames, chain.rules);
  const overlap = params.temporal_overlap < params.batch_size ? params.temporal_overlap : 0;
  const prepared: Planes[] = [];
  let joined: Planes | undefined;
  for (const [index, batch] of batches.entries()) {
    const own = framesOf(source, batch.first, batch.first + batch.frames);
    const input = prepareBatch(own, batch, chain.rules, chain.sizes);
    prepared.push(input);
    const decoded = await runBatch(chain, index, input);
    joined = joinBatch(joined, trimmed(decoded, batch.frames, chain.sizes.result), overlap);
  }
  if (!joined) throw new Error("A chain case has frames.");
  await comparison.compare("joined", lastChannels(joined).shape, lastChannels(joined).data);
  await compareFinal(chain, batches, prepared, joined);
  comparison.leaveOut(golden.names.filter((name) => INPUTS.test(name) || ALPHA.test(name)));
  return comparison;
}

async function runBatch(chain: Chain, index: number, input: Planes): Promise<Planes> {
  const { golden, comparison, params } = chain;
  const prefix = `b${index}.`;
  const traced: [string, TensorValue][] = [];
  const tiling = (part: "encode" | "decode") =>
    params[`${part}_tiled`]
      ? { tile: params[`${part}_tile_size`], overlap: params[`${part}_tile_overlap`] }
      : undefined;
  const options: RestorationOptions = {
    inputNoiseScale: params.input_noise_scale,
    latentNoiseScale: params.latent_noise_scale,
    encoderTiling: tiling("encode"),
    decoderTiling: tiling("decode"),
    trace: (name, value) => traced.push([name, value]),
  };
  const decoded = await restoreBatch(input, chain.networks, await noiseOf(golden, prefix), options);
  await comparison.compare(`${prefix}prepared`, shapeOf(input), input.data);
  for (const [name, { shape, data }] of traced) await comparison.compare(prefix + name, shape, data);
  await comparison.compare(`${prefix}decoded`, shapeOf(decoded), decoded.data);
  return decoded;
}

async function compareFinal(
  { golden, comparison, params }: Chain,
  batches: readonly ClipBatch[],
  prepared: readonly Planes[],
  joined: Planes,
): Promise<void> {
  const correct = colourCorrections[params.color_correction];
  const area = 3 * joined.height * joined.width;
  const corrected = { ...joined, data: new Float32Array(joined.data.length) };
  for (const [index, { first, writeStart, writeEnd }] of batches.entries()) {
    const written = framesOf(joined, writeStart, writeEnd);
    const result = correctBatch(written, prepared[index] as Planes, writeStart - first, correct);
    await comparison.compare(`b${index}.corrected`, shapeOf(result), result.data);
    corrected.data.set(result.data, writeStart * area);
  }
  const final = lastChannels(toUnitRange(framesOf(corrected, params.prepend_frames, joined.frames)));
  const channels = golden.has("final") ? ((await golden.tensor("final")).shape[3] ?? 3) : 3;
  if (channels === 3) return comparison.compare("final", final.shape, final.data);
  // RGBA: alpha is not compared, so the golden's own stands in for it.
  const whole = (await golden.tensor("final")).data.slice();
  for (let i = 0; i < final.data.length; i++) whole[Math.floor(i / 3) * 4 + (i % 3)] = final.data[i] as number;
  return comparison.compare("final", [...final.shape.slice(0, 3), 4], whole);
}

async function noiseOf(golden: GoldenFile, prefix: string): Promise<NoiseSource> {
  const read = async (name: string) => (golden.has(name) ? (await golden.tensor(name)).data : undefined);
  const [latent, augmentation, input] = [
    await read(`${prefix}noise`),
    await read(`${prefix}aug_noise`),
    await read(`${prefix}input_noise`),
  ];
  const given = (name: string, values: Float32Array | undefined) => () => {
    if (!values) throw new Error(`The case has no ${prefix}${name}, which its parameters need.`);
    return values;
  };
  return {
    latent: given("noise", latent),
    augmentation: given("aug_noise", augmentation),
    input: given("input_noise", input),
  };
}

/** [T, H, W, C] → planes of the first three channels. */
function colourPlanes({ shape, data }: GoldenTensor): Planes {
  const [frames = 0, height = 0, width = 0, channels = 0] = shape;
  const area = height * width;
  const planes = new Float32Array(frames * 3 * area);
  for (let i = 0; i < planes.length; i++) {
    const [frame, c, pixel] = [Math.floor(i / (3 * area)), Math.floor(i / area) % 3, i % area];
    planes[i] = data[(frame * area + pixel) * channels + c] as number;
  }
  return { frames, channels: 3, height, width, data: planes };
}

/** Planes → [T, H, W, 3]. */
function lastChannels({ frames, channels, height, width, data }: Planes): GoldenTensor {
  const area = height * width;
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const [frame, c, pixel] = [Math.floor(i / (channels * area)), Math.floor(i / area) % channels, i % area];
    out[(frame * area + pixel) * channels + c] = data[i] as number;
  }
  return { shape: [frames, height, width, channels], data: out };
}

function shapeOf({ frames, channels, height, width }: Planes): readonly number[] {
  return [frames, channels, height, width];
}
