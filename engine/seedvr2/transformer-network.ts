import { GraphSession, type SessionOptions, type TensorValue } from "../onnx/session.ts";
import type { Graph } from "../onnx/graph.ts";
import type { Lowering } from "../onnx/lowering.ts";
import { WeightDemands } from "../onnx/weight-demands.ts";
import type { TransformerSizes } from "../weights/network.ts";
import { finite } from "./finite.ts";
import { textAngles, videoAngles, type RotaryAngles } from "./rotary.ts";
import { blockFrequencies } from "./stored-frequencies.ts";
import { timestepFeatures } from "./timestep.ts";
import { reordering, type TokenOrder } from "./token-order.ts";
import {
  blockGraph,
  conditionsGraph,
  headGraph,
  publishedSettings,
  tailGraph,
  transformerGraphs,
  transformerPlan,
  type TransformerPlan,
  type TransformerSettings,
} from "./transformer.ts";
import type { NetworkFile } from "./weight-file.ts";
import type { Extent } from "./windows.ts";

export interface TransformerOptions {
  readonly session: SessionOptions;
  readonly lowering?: Lowering;
  readonly settings?: TransformerSettings;
}

/** One pass through the transformer. */
export interface TransformerPass {
  /** Latent frames, rows and columns; rows and columns even. */
  readonly extent: Extent;
  /** [t·h·w, channelsIn]: noisy latent, condition, mask. */
  readonly latent: Float32Array;
  /** [L, textFeatures] */
  readonly prompt: TensorValue;
  /** 0 … 1000 */
  readonly timestep: number;
  readonly signal?: AbortSignal;
  /** Told after each block how many of how many are done. */
  readonly onBlock?: (done: number, of: number) => void;
  /** Told each intermediate under the name it has in the reference's traces; costs the work of unread text results. */
  readonly trace?: (name: string, value: TensorValue) => void;
}

/** Smallest pass a transformer can make; its graphs ask for all weights. */
const SMALLEST: Extent = [1, 2, 2];

/**
 * A SeedVR2 transformer ready to run. Weights stay in their file; each block is a session of its own, made, run and
 * ended in turn, so that memory holds one block and every block is a point to stop at.
 */
export class TransformerNetwork {
  readonly sizes: TransformerSizes;
  /** What the user should know about the file. */
  readonly warnings: readonly string[];
  readonly settings: TransformerSettings;
  readonly #options: TransformerOptions;
  readonly #demands: WeightDemands;
  readonly #frequencies: readonly (readonly number[])[];
  #conditions: { readonly prompt: TensorValue; readonly timestep: number; readonly values: Conditions } | undefined;

  private constructor(sizes: TransformerSizes, demands: WeightDemands, options: TransformerOptions, stored: Stored) {
    this.sizes = sizes;
    this.warnings = stored.warnings;
    this.#frequencies = stored.frequencies;
    this.#demands = demands;
    this.#options = options;
    this.settings = options.settings ?? publishedSettings(sizes);
  }

  /** Checks that the file holds exactly the weights of its network. Throws `checkpoint_malformed`. */
  static async open(
    file: NetworkFile,
    sizes: TransformerSizes,
    options: TransformerOptions,
  ): Promise<TransformerNetwork> {
    const demands = new WeightDemands(file);
    const stored = await blockFrequencies(demands, sizes);
    const network = new TransformerNetwork(sizes, demands, options, stored);
    transformerGraphs(network.#plan(SMALLEST, 1), { ...network.#graphOptions(), traced: true });
    demands.check();
    return network;
  }

  /** Resolves to the network's output [t·h·w, channelsOut]. Throws `provider_failed` for values that are no numbers. */
  async run(pass: TransformerPass): Promise<Float32Array> {
    const { sizes } = this;
    const plan = this.#plan(pass.extent, pass.prompt.shape[0] ?? 0);
    const { text, embedding } = await this.#conditionsOf(plan, pass);
    const [t, h, w] = pass.extent;
    const latent = { shape: [t * h * w, sizes.channelsIn], data: pass.latent };
    let video = (await this.#once(headGraph(plan, this.#graphOptions(pass)), { latent }))["video"] as TensorValue;
    pass.trace?.("txt_in", text);
    pass.trace?.("emb", embedding);
    pass.trace?.("vid_in", video);
    let textRows: TensorValue = text;
    const tables = new Map<string, RotaryAngles>();
    for (const [index, order] of plan.orders.entries()) {
      pass.signal?.throwIfAborted();
      const rotary = this.#rotary(index, plan, tables);
      const feeds = { video, text: textRows, embedding, ...rotary };
      const results = await this.#once(blockGraph(plan, index, this.#graphOptions(pass)), feeds);
      if (pass.trace) traceBlock(pass.trace, index, order, results);
      video = results["next.video"] as TensorValue;
      finite(video.data, `transformer block ${index + 1} of ${plan.orders.length}`);
      textRows = results["next.text"] ?? textRows;
      pass.onBlock?.(index + 1, plan.orders.length);
    }
    const out = await this.#once(tailGraph(plan, this.#graphOptions(pass)), { video, embedding });
    return (out["latent"] as TensorValue).data;
  }

  #plan(latent: Extent, textRows: number): TransformerPlan {
    return transformerPlan({ sizes: this.sizes, settings: this.settings, latent, textRows });
  }

  #graphOptions(pass?: TransformerPass) {
    const { lowering } = this.#options;
    return { weights: this.#demands, traced: pass?.trace !== undefined, ...(lowering && { lowering }) };
  }

  /** Prompt and timestep are the same in every batch of a clip. */
  async #conditionsOf(plan: TransformerPlan, { prompt, timestep }: TransformerPass): Promise<Conditions> {
    const known = this.#conditions;
    if (known?.prompt === prompt && known.timestep === timestep) return known.values;
    const features = timestepFeatures(timestep, this.sizes.timestepFeatures);
    const feeds = { prompt, timestep: { shape: [1, features.length], data: features } };
    const results = await this.#once(conditionsGraph(plan, this.#graphOptions()), feeds);
    const values = { text: results["text"] as TensorValue, embedding: results["embedding"] as TensorValue };
    this.#conditions = { prompt, timestep, values };
    return values;
  }

  #rotary(index: number, plan: TransformerPlan, known: Map<string, RotaryAngles>): Record<string, TensorValue> {
    const frequencies = this.#frequencies[index] ?? [];
    const order = plan.orders[index] as TokenOrder;
    const key = `${plan.orders.indexOf(order)} ${frequencies.join(" ")}`;
    const remembered = (name: string, make: () => RotaryAngles) => {
      const angles = known.get(name) ?? make();
      known.set(name, angles);
      return angles;
    };
    const video = remembered(key, () => videoAngles(this.sizes, frequencies, order, plan.textRows));
    if (this.sizes.rotary === "pixel") return angleFeeds("rotary.video", video);
    const textKey = `text ${frequencies.join(" ")}`;
    const text = remembered(textKey, () => textAngles(this.sizes.headDim, frequencies, plan.textRows));
    return { ...angleFeeds("rotary.video", video), ...angleFeeds("rotary.text", text) };
  }

  /** A session for one run. */
  async #once(graph: Graph, feeds: Readonly<Record<string, TensorValue>>): Promise<Record<string, TensorValue>> {
    const session = await GraphSession.create(graph, this.#options.session);
    try {
      return await session.run(feeds);
    } finally {
      await session.close();
    }
  }
}

interface Conditions {
  readonly text: TensorValue;
  readonly embedding: TensorValue;
}

type Stored = Awaited<ReturnType<typeof blockFrequencies>>;

function angleFeeds(name: string, { rows, pairs, cosines, sines }: RotaryAngles): Record<string, TensorValue> {
  const shape = [rows, pairs];
  return { [`${name}.cosines`]: { shape, data: cosines }, [`${name}.sines`]: { shape, data: sines } };
}

/** Video rows are put back into (t, h, w) order for comparison. */
function traceBlock(
  trace: NonNullable<TransformerPass["trace"]>,
  index: number,
  order: TokenOrder,
  results: Readonly<Record<string, TensorValue>>,
): void {
  const back = reordering(order, undefined);
  const names = { "attn.vid": "attn.vid", "attn.txt": "attn.txt", "next.video": "vid", "next.text": "txt" };
  for (const [name, golden] of Object.entries(names)) {
    const value = results[name];
    if (!value) continue;
    trace(`block${index}.${golden}`, golden.endsWith("vid") && back ? rowsOf(value, back) : value);
  }
}

function rowsOf({ shape, data }: TensorValue, rows: Int32Array): TensorValue {
  const width = shape[1] ?? 0;
  const out = new Float32Array(data.length);
  rows.forEach((row, i) => out.set(data.subarray(row * width, (row + 1) * width), i * width));
  return { shape, data: out };
}
