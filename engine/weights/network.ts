import { malformed } from "./malformed.ts";

/** What detection looks at: names and shapes, whatever file they are from; some rounded up to multiples of `padded`. */
export type Shapes = ReadonlyMap<string, { readonly shape: readonly number[]; readonly padded?: number }>;

/**
 * Sizes of a SeedVR2 transformer (seedvr2-dit.md section 1), all read off its tensors. 3B and 7B are two settings of
 * the fields below, nothing else.
 */
export interface TransformerSizes {
  readonly kind: "transformer";
  /** Latent channels in (noisy, condition, mask) and out. */
  readonly channelsIn: number;
  readonly channelsOut: number;
  readonly dim: number;
  readonly heads: number;
  readonly headDim: number;
  /** Columns of the prompt embedding. */
  readonly textFeatures: number;
  /** Columns of the timestep features. */
  readonly timestepFeatures: number;
  readonly blocks: readonly BlockSizes[];
  readonly mlp: "swiglu" | "gelu";
  readonly rotary: "language" | "pixel";
  readonly outputNorm: boolean;
}

export interface BlockSizes {
  /** Video and text with weights of their own, or one shared set. */
  readonly weights: "own" | "shared";
  readonly hidden: number;
  /** True where modulation and MLP act on video only: the last block of networks with shared sets. */
  readonly videoOnly: boolean;
}

/** Sizes of the video autoencoder (seedvr2-vae.md section 1); `groups` is in no tensor. */
export interface AutoencoderSizes {
  readonly kind: "autoencoder";
  readonly colours: number;
  readonly latentChannels: number;
  /** Channels of the encoder's blocks; the decoder has them in reverse. */
  readonly channels: readonly number[];
  readonly encoderResnets: number;
  readonly decoderResnets: number;
  /** By encoder block: its downsampler halves time too; none in the last. */
  readonly halvesTime: readonly boolean[];
  /** By decoder block: its upsampler doubles time too. */
  readonly doublesTime: readonly boolean[];
  /** Names of the attention's four layers, in the order q, k, v, out. */
  readonly attentionNames: readonly [string, string, string, string];
}

export type Network = TransformerSizes | AutoencoderSizes;

/** Patch of the transformer in rows and columns of the latent (seedvr2-dit.md section 1). */
const PATCH = 2 * 2;

/**
 * What network a file holds and its sizes, or nothing where it is neither of ours. Throws `checkpoint_malformed` where
 * a tensor that says a size is missing or has another number of dimensions.
 */
export function networkIn(path: string, tensors: Shapes): Network | undefined {
  const names = [...tensors.keys()];
  if (tensors.has("vid_in.proj.weight") && names.some((name) => name.startsWith("blocks.0.attn.proj_qkv."))) {
    return transformerIn(new ShapeReader(path, tensors));
  }
  if (tensors.has("encoder.conv_in.weight") && tensors.has("decoder.conv_in.weight")) {
    return autoencoderIn(new ShapeReader(path, tensors));
  }
  return undefined;
}

function transformerIn(at: ShapeReader): TransformerSizes {
  const [dim, patchIn] = at.shape("vid_in.proj.weight", 2);
  const [patchOut] = at.shape("vid_out.proj.weight", 2);
  const [, textFeatures] = at.shape("txt_in.weight", 2);
  const [, timestepFeatures] = at.shape("emb_in.proj_in.weight", 2);
  const count = at.countOf(/^blocks\.(\d+)\./);
  const outputNorm = at.has("vid_out_norm.weight");
  const set = at.has("blocks.0.attn.norm_q.all.weight") ? "all" : "vid";
  const [headDim] = at.shape(`blocks.0.attn.norm_q.${set}.weight`, 1);
  const qkvName = `blocks.0.attn.proj_qkv.${set}.weight`;
  const [qkv] = at.shape(qkvName, 2);
  const blocks = Array.from({ length: count }, (_, i) => blockIn(at, i, i === count - 1 && outputNorm));
  return {
    kind: "transformer",
    channelsIn: at.quotient("rows of a patch in", patchIn, PATCH),
    channelsOut: at.quotient("rows of a patch out", patchOut, PATCH),
    dim,
    heads: at.quotient("rows of proj_qkv", qkv - at.surplus(qkv, 3 * headDim, qkvName), 3 * headDim),
    headDim,
    textFeatures,
    timestepFeatures,
    blocks,
    mlp: at.has(`blocks.0.mlp.${set}.proj_in_gate.weight`) ? "swiglu" : "gelu",
    rotary: outputNorm ? "language" : "pixel",
    outputNorm,
  };
}

function blockIn(at: ShapeReader, index: number, videoOnly: boolean): BlockSizes {
  const shared = at.has(`blocks.${index}.attn.proj_qkv.all.weight`);
  const hidden = hiddenIn(at, `blocks.${index}.mlp.${shared ? "all" : "vid"}`);
  return { weights: shared ? "shared" : "own", hidden, videoOnly };
}

/**
 * Width inside an MLP: several tensors say it, some rounded up. Where all are, the least serves as well as the true one,
 * because the surplus rows and columns are zeros.
 */
function hiddenIn(at: ShapeReader, mlp: string): number {
  const [rows] = at.shape(`${mlp}.proj_in.weight`, 2);
  const [, columns] = at.shape(`${mlp}.proj_out.weight`, 2);
  const sizes = [
    { name: `${mlp}.proj_in.weight`, size: rows },
    { name: `${mlp}.proj_out.weight`, size: columns },
    ...(at.has(`${mlp}.proj_in.bias`)
      ? [{ name: `${mlp}.proj_in.bias`, size: at.shape(`${mlp}.proj_in.bias`, 1)[0] }]
      : []),
  ];
  return sizes.find(({ name }) => !at.padded(name))?.size ?? Math.min(...sizes.map(({ size }) => size));
}

function autoencoderIn(at: ShapeReader): AutoencoderSizes {
  const [, colours] = at.shape("encoder.conv_in.weight", 5);
  const [, latentChannels] = at.shape("decoder.conv_in.weight", 5);
  const count = at.countOf(/^encoder\.down_blocks\.(\d+)\./);
  const blocks = Array.from({ length: count }, (_, i) => i);
  const channels = blocks.map((i) => at.shape(`encoder.down_blocks.${i}.resnets.0.conv1.weight`, 5)[0]);
  const down = (i: number) => `encoder.down_blocks.${i}.downsamplers.0.conv.weight`;
  const up = (i: number) => `decoder.up_blocks.${i}.upsamplers.0.upscale_conv.weight`;
  const timesUp = (i: number) => {
    const [rows, columns] = at.shape(up(i), 5);
    return at.quotient(`rows of ${up(i)}`, rows, 4 * columns);
  };
  const newNames = at.has("encoder.mid_block.attentions.0.to_q.weight");
  return {
    kind: "autoencoder",
    colours,
    latentChannels,
    channels,
    encoderResnets: at.countOf(/^encoder\.down_blocks\.0\.resnets\.(\d+)\./),
    decoderResnets: at.countOf(/^decoder\.up_blocks\.0\.resnets\.(\d+)\./),
    halvesTime: blocks.slice(0, -1).map((i) => at.shape(down(i), 5)[2] === 3),
    doublesTime: blocks.slice(0, -1).map((i) => timesUp(i) === 2),
    attentionNames: newNames ? ["to_q", "to_k", "to_v", "to_out.0"] : ["query", "key", "value", "proj_attn"],
  };
}

/** Reads sizes off tensors and says which tensor it missed. */
class ShapeReader {
  readonly #path: string;
  readonly #tensors: Shapes;

  constructor(path: string, tensors: Shapes) {
    this.#path = path;
    this.#tensors = tensors;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** The shape of a tensor that must have `rank` dimensions, none of them 0. */
  shape(name: string, rank: 1 | 2 | 5): readonly [number, number, number] {
    const shape = this.#tensors.get(name)?.shape;
    if (!shape) throw malformed(this.#path, { field: name, found: "missing", allowed: `${rank} dimensions` });
    if (shape.length !== rank || shape.includes(0)) {
      throw malformed(this.#path, { field: `shape of ${name}`, found: shape, allowed: `${rank} dimensions` });
    }
    return [shape[0] ?? 1, shape[1] ?? 1, shape[2] ?? 1];
  }

  /** True where a tensor's sizes are rounded up. */
  padded(name: string): boolean {
    return this.#tensors.get(name)?.padded !== undefined;
  }

  /** What a size is above a multiple of `unit` because it was rounded up; 0 where it was not. */
  surplus(size: number, unit: number, name: string): number {
    return this.padded(name) ? size % unit : 0;
  }

  quotient(field: string, value: number, divisor: number): number {
    if (value % divisor !== 0)
      throw malformed(this.#path, { field, found: value, allowed: `a multiple of ${divisor}` });
    return value / divisor;
  }

  /** One more than the largest number the pattern finds in a name. */
  countOf(pattern: RegExp): number {
    const numbers = [...this.#tensors.keys()].map((name) => Number(pattern.exec(name)?.[1] ?? -1));
    const count = 1 + numbers.reduce((most, number) => Math.max(most, number), -1);
    if (count > this.#tensors.size) {
      throw malformed(this.#path, { field: `numbers in ${pattern.source}`, found: count - 1, allowed: "gapless ones" });
    }
    return count;
  }
}
