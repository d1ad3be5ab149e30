import { colourCorrections } from "../../engine/colour/colour-correction.ts";
import { cropped, framesOf, joinedFrames, pickedFrames, type Planes } from "../../engine/colour/planes.ts";
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
import { isMask } from "../../engine/upscalers/alpha/enlarge-alpha.ts";
import { chainAims } from "./aims.ts";
import { Comparison } from "./comparison.ts";
import type { GoldenFile, GoldenTensor } from "./golden-file.ts";
import { referenceAlpha } from "./reference-alpha.ts";

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

interface Chain {
  readonly golden: GoldenFile;
  readonly comparison: Comparison;
  readonly networks: RestorationNetworks;
  readonly params: ChainParams;
  readonly rules: BatchRules;
  readonly sizes: FrameSizes;
  /** The source's, prepended frames counted; none where the case is opaque. */
  readonly alpha: Planes | undefined;
}

/** Runs a case of kind chain: frames in to frames out with the file's noise. */
export async function runChainCase(
  networks: Omit<RestorationNetworks, "prompt">,
  golden: GoldenFile,
): Promise<Comparison> {
  const params = golden.json("params") as ChainParams;
  const input = await golden.tensor("frames");
  const frames = channelPlanes(input, [0, 1, 2]);
  const order = prepended(frames.frames, params.prepend_frames);
  const source = pickedFrames(frames, order);
  const alpha = input.shape[3] === 4 ? pickedFrames(channelPlanes(input, [3]), order) : undefined;
  const comparison = new Comparison(golden, chainAims(params.color_correction, alpha ? isMask(alpha.data) : false));
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
    alpha,
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
  comparison.leaveOut(golden.names.filter((name) => INPUTS.test(name)));
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
  chain: Chain,
  batches: readonly ClipBatch[],
  prepared: readonly Planes[],
  joined: Planes,
): Promise<void> {
  const { comparison, params, alpha } = chain;
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
  if (!alpha) return comparison.compare("final", final.shape, final.data);
  const out = await compareAlpha(chain, batches, prepared, joined);
  const shown = framesOf(out, params.prepend_frames, out.frames);
  return comparison.compareRgba("final", [...final.shape.slice(0, 3), 4], final.data, shown.data);
}

/** The reference's alpha of each batch, which it makes of the decoded picture before colour. */
async function compareAlpha(
  { golden, comparison, alpha }: Chain,
  batches: readonly ClipBatch[],
  prepared: readonly Planes[],
  joined: Planes,
): Promise<Planes> {
  const made: Planes[] = [];
  for (const [index, { writeStart, writeEnd }] of batches.entries()) {
    const own = framesOf(alpha as Planes, writeStart, writeEnd);
    const { edges, guided, out } = referenceAlpha(own, framesOf(joined, writeStart, writeEnd));
    await comparison.compare(`b${index}.alpha_edges`, shapeOf(edges), edges.data);
    await comparison.compare(`b${index}.alpha_guided`, shapeOf(guided), guided.data);
    made.push(out);
  }
  const first = batches[0] as ClipBatch;
  const { height, width } = joined;
  // The golden's own prepared frames, where it has them: edges are cut to bytes, so that rounding would show.
  const input = { ...(prepared[0] as Planes) };
  if (golden.has("b0.prepared")) input.data = (await golden.tensor("b0.prepared")).data;
  const style = cropped(framesOf(input, 0, first.frames), { top: 0, left: 0, height, width });
  const alone = referenceAlpha(framesOf(alpha as Planes, 0, first.frames), style);
  for (const [part, planes] of Object.entries(alone)) {
    await comparison.compare(`alpha_alone.${part}`, shapeOf(planes as Planes), (planes as Planes).data);
  }
  return joinedFrames(made as [Planes, ...Planes[]]);
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

/** [T, H, W, C] → planes of some of the channels. */
function channelPlanes({ shape, data }: GoldenTensor, wanted: readonly number[]): Planes {
  const [frames = 0, height = 0, width = 0, channels = 0] = shape;
  const [area, count] = [height * width, wanted.length];
  const planes = new Float32Array(frames * count * area);
  for (let i = 0; i < planes.length; i++) {
    const [frame, c, pixel] = [Math.floor(i / (count * area)), Math.floor(i / area) % count, i % area];
    planes[i] = data[(frame * area + pixel) * channels + (wanted[c] as number)] as number;
  }
  return { frames, channels: count, height, width, data: planes };
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
