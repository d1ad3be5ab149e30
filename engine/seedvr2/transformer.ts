import assert from "node:assert";
import { Graph } from "../onnx/graph.ts";
import type { GraphOptions } from "../onnx/graph-parts.ts";
import { processorLowering } from "../onnx/lowering.ts";
import { linear } from "../onnx/matmul.ts";
import { gatherRows } from "../onnx/movement.ts";
import { rmsNorm } from "../onnx/norm.ts";
import type { TransformerSizes } from "../weights/network.ts";
import { block } from "./block.ts";
import { modulationRows, modulationVector } from "./modulation.ts";
import { add, multiply } from "../onnx/elementwise.ts";
import { gridOf, patchIn, patchOut } from "./patch.ts";
import { withText } from "./streams.ts";
import { MODULATION_VECTORS, timestepEmbedding } from "./timestep.ts";
import { reordering, tokenOrder, type TokenOrder } from "./token-order.ts";
import { windowsOf, type Extent, type WindowRule } from "./windows.ts";

/** What no tensor says: the same in all published networks (seedvr2-dit.md section 1). */
export interface TransformerSettings {
  readonly eps: number;
  /** By block. */
  readonly windows: readonly WindowRule[];
}

/** The settings of the published networks: eps 1e-5, windows (4, 3, 3), every second block shifted. */
export function publishedSettings({ blocks }: TransformerSizes): TransformerSettings {
  return {
    eps: 1e-5,
    windows: blocks.map((_, i) => ({
      request: [4, 3, 3],
      method: i % 2 === 0 ? "720pwin_by_size_bysize" : "720pswin_by_size_bysize",
    })),
  };
}

/** What all graphs of a transformer are made from. */
export interface TransformerPlan {
  readonly sizes: TransformerSizes;
  readonly settings: TransformerSettings;
  /** Latent frames, rows and columns. */
  readonly latent: Extent;
  readonly textRows: number;
  /** By block: the order of tokens in which it attends. */
  readonly orders: readonly TokenOrder[];
}

type PlanParts = Omit<TransformerPlan, "orders">;

/** The plan of a pass; blocks with the same windows share an order. */
export function transformerPlan(parts: PlanParts): TransformerPlan {
  const grid = gridOf(parts.latent);
  const known = new Map<string, TokenOrder>();
  const orders = parts.settings.windows.map((rule) => {
    const key = JSON.stringify(rule);
    const order = known.get(key) ?? tokenOrder(grid, windowsOf(grid, rule));
    known.set(key, order);
    return order;
  });
  return { ...parts, orders };
}

type Options = Omit<GraphOptions, "name">;

/** The small parts before and after the blocks, whose values may be large, are computed in fp32 on every device. */
function exact(options: Options): Options {
  return { ...options, lowering: { ...(options.lowering ?? processorLowering), arithmetic: "fp32" } };
}

/** All graphs of a pass, in the order in which they run. */
export function transformerGraphs(plan: TransformerPlan, options: Options): Graph[] {
  const blocks = plan.orders.map((_, i) => blockGraph(plan, i, options));
  return [conditionsGraph(plan, options), headGraph(plan, options), ...blocks, tailGraph(plan, options)];
}

/** What depends on prompt and timestep alone: text rows [L, dim] and timestep embedding [1, 6·dim]. */
export function conditionsGraph({ sizes, textRows }: TransformerPlan, options: Options): Graph {
  const at: Graph = new Graph({ ...exact(options), name: "conditions" });
  const prompt = at.input("prompt", [textRows, sizes.textFeatures]);
  const features = at.input("timestep", [1, sizes.timestepFeatures]);
  at.output("text", linear(at, prompt, "txt_in", { outputs: sizes.dim, bias: true }));
  at.output("embedding", timestepEmbedding(at, features, sizes));
  return at;
}

/** Latent rows [t·h·w, channelsIn] → tokens in (t, h, w) order. */
export function headGraph({ sizes, latent }: TransformerPlan, options: Options): Graph {
  const at: Graph = new Graph({ ...exact(options), name: "head" });
  const [t, h, w] = latent;
  at.output("video", patchIn(at, at.input("latent", [t * h * w, sizes.channelsIn]), latent, sizes));
  return at;
}

/** Block `index`: tokens in the order of the block before → tokens in its own order. */
export function blockGraph(plan: TransformerPlan, index: number, options: Options): Graph {
  const { sizes, settings, textRows, orders } = plan;
  const at: Graph = new Graph({ ...options, name: `block${index}` });
  const [own, sizesHere] = [orders[index], sizes.blocks[index]];
  assert(own !== undefined && sizesHere !== undefined, "a block of this network");
  const tokens = own.raster.length;
  const video = at.input("video", [tokens, sizes.dim]);
  const text = at.input("text", [textRows, sizes.dim]);
  const embedding = at.input("embedding", [1, MODULATION_VECTORS * sizes.dim]);
  const tables = (name: string, rows: number) => ({
    cosines: at.input(`${name}.cosines`, [rows, sizes.headDim / 2]),
    sines: at.input(`${name}.sines`, [rows, sizes.headDim / 2]),
  });
  const rotary = {
    video: tables("rotary.video", tokens),
    ...(sizes.rotary === "language" && { text: tables("rotary.text", textRows) }),
  };
  const change = reordering(orders[index - 1], own);
  const x = withText(change ? gatherRows(at, video, change) : video, text);
  const result = block(at.in("blocks", index), x, {
    sizes,
    block: sizesHere,
    eps: settings.eps,
    groups: own.groups,
    rotary,
    textWanted: index < sizes.blocks.length - 1 || options.traced === true,
    modulation: modulationRows(at, embedding),
  });
  at.output("next.video", result.video);
  if (result.text) at.output("next.text", result.text);
  return at;
}

/** Tokens in the last block's order → latent rows [t·h·w, channelsOut]. seedvr2-dit.md section 7. */
export function tailGraph({ sizes, settings, latent, orders }: TransformerPlan, options: Options): Graph {
  const at: Graph = new Graph({ ...exact(options), name: "tail" });
  const last = orders.at(-1);
  assert(last, "a network with blocks");
  const tokens = at.input("video", [last.raster.length, sizes.dim]);
  const embedding = at.input("embedding", [1, MODULATION_VECTORS * sizes.dim]);
  let x = gatherRows(at, tokens, reordering(last, undefined) ?? []);
  if (sizes.outputNorm) {
    const rows = modulationRows(at, embedding);
    // The output is modulated with the attention's vectors, not with a set of its own.
    const [scale, shift] = (["scale", "shift"] as const).map((kind) =>
      modulationVector(at.in("vid_out_ada"), rows, { layer: "attn", kind, own: `out_${kind}` }),
    );
    assert(scale && shift);
    x = rmsNorm(at, x, at.weight("vid_out_norm.weight", [sizes.dim]), settings.eps);
    x = add(at, multiply(at, x, scale), shift);
  }
  at.output("latent", patchOut(at, x, latent, sizes));
  return at;
}
