import assert from "node:assert";
import type { Graph } from "../../engine/onnx/graph.ts";
import type { Shape } from "../../engine/onnx/value.ts";
import { WeightDemands, type StoredWeight } from "../../engine/onnx/weight-demands.ts";
import { publishedAutoencoder } from "../../engine/seedvr2/autoencoder/autoencoder-context.ts";
import { decoderGraph } from "../../engine/seedvr2/autoencoder/decoder.ts";
import { encoderGraph } from "../../engine/seedvr2/autoencoder/encoder.ts";
import {
  publishedSettings,
  transformerGraphs,
  transformerPlan,
  type TransformerPlan,
} from "../../engine/seedvr2/transformer.ts";
import type { Extent } from "../../engine/seedvr2/windows.ts";
import type { AutoencoderSizes, Network, TransformerSizes } from "../../engine/weights/network.ts";

/** Sizes of the published networks (seedvr2-dit.md section 1, seedvr2-vae.md section 1). */
export const transformers: Readonly<Record<"3B" | "7B", TransformerSizes>> = {
  "3B": {
    ...{ kind: "transformer", channelsIn: 33, channelsOut: 16, dim: 2560, heads: 20, headDim: 128 },
    ...{ textFeatures: 5120, timestepFeatures: 256, mlp: "swiglu", rotary: "language", outputNorm: true },
    blocks: Array.from({ length: 32 }, (_, i) => ({
      weights: i < 10 ? "own" : "shared",
      hidden: 6912,
      videoOnly: i === 31,
    })),
  },
  "7B": {
    ...{ kind: "transformer", channelsIn: 33, channelsOut: 16, dim: 3072, heads: 24, headDim: 128 },
    ...{ textFeatures: 5120, timestepFeatures: 256, mlp: "gelu", rotary: "pixel", outputNorm: false },
    blocks: Array.from({ length: 36 }, () => ({ weights: "own", hidden: 12_288, videoOnly: false })),
  },
};

export const autoencoder: AutoencoderSizes = {
  ...{ kind: "autoencoder", colours: 3, latentChannels: 16, channels: [128, 256, 512, 512] },
  ...{ encoderResnets: 2, decoderResnets: 3, halvesTime: [false, true, true], doublesTime: [true, true, false] },
  attentionNames: ["to_q", "to_k", "to_v", "to_out.0"],
};

/** Rows of the published prompt embedding. */
export const PROMPT_ROWS = 58;

/** Frames in and out of the networks: sides in pixels, multiples of 16. */
export interface Work {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  /** Side of the autoencoder's tiles; whole where there is none. */
  readonly tile?: number;
}

const SMALLEST: Work = { frames: 1, height: 16, width: 16 };

/** Pixels of a latent cell along a side, frames of one after the first. */
const CELL_SIDE = 8;
const CELL_FRAMES = 4;

/** The shape of each weight of a network by name: what its own graphs ask for. */
export function weightShapes(network: Network): ReadonlyMap<string, Shape> {
  const demands = new RecordingDemands();
  // Traced graphs compute what nobody else reads, so they ask for all weights.
  if (network.kind === "transformer") transformerGraphs(planFor(network, SMALLEST), { weights: demands, traced: true });
  else autoencoderGraphsFor(network, SMALLEST, demands);
  return demands.shapes;
}

/** The graphs a transformer runs for some work. */
export function transformerGraphsFor(sizes: TransformerSizes, work: Work): Graph[] {
  return transformerGraphs(planFor(sizes, work), { weights: new RecordingDemands() });
}

function planFor(sizes: TransformerSizes, { frames, height, width }: Work): TransformerPlan {
  const latent: Extent = [1 + (frames - 1) / CELL_FRAMES, height / CELL_SIDE, width / CELL_SIDE];
  return transformerPlan({ sizes, settings: publishedSettings(sizes), latent, textRows: PROMPT_ROWS });
}

/** The graphs of encoder and decoder for some work that goes through in one slice. */
export function autoencoderGraphsFor(
  sizes: AutoencoderSizes,
  { frames, height, width }: Work,
  weights: WeightDemands = new RecordingDemands(),
): [encoder: Graph, decoder: Graph] {
  const context = { sizes, settings: publishedAutoencoder, time: { first: true, last: true } };
  const cells = { frames: 1 + (frames - 1) / CELL_FRAMES, height: height / CELL_SIDE, width: width / CELL_SIDE };
  return [encoderGraph({ frames, height, width }, context, { weights }), decoderGraph(cells, context, { weights })];
}

/** Notes which weights graphs ask for, and has none. */
class RecordingDemands extends WeightDemands {
  readonly shapes = new Map<string, Shape>();

  constructor() {
    const read = () => assert.fail("graphs that never run read no weights");
    super({ path: "none", weights: new Map(), byteValues: () => undefined, read });
  }

  override demand(name: string, shape: Shape): StoredWeight | undefined {
    assert.deepEqual(this.shapes.get(name) ?? shape, shape, `${name} has one shape`);
    this.shapes.set(name, shape);
    return undefined;
  }
}
