import { silu } from "../onnx/elementwise.ts";
import type { Graph } from "../onnx/graph.ts";
import { linear } from "../onnx/matmul.ts";
import type { Value } from "../onnx/value.ts";
import type { TransformerSizes } from "../weights/network.ts";

/** Longest period of the timestep features. */
const LONGEST_PERIOD = 10_000;

/** Vectors of a timestep embedding: shift, scale and gate, for attention and for the MLP. */
export const MODULATION_VECTORS = 6;

/** Sines, then cosines, of a timestep (0 … 1000) at falling frequencies; `count` is even (seedvr2-dit.md section 3). */
export function timestepFeatures(timestep: number, count: number): Float32Array<ArrayBuffer> {
  const half = count / 2;
  const angles = Array.from({ length: half }, (_, i) => timestep * Math.exp((-Math.log(LONGEST_PERIOD) * i) / half));
  return Float32Array.from([...angles.map(Math.sin), ...angles.map(Math.cos)]);
}

/** Timestep features [1, n] → embedding [1, 6·dim], laid out [dim][attention, MLP][shift, scale, gate]. */
export function timestepEmbedding(at: Graph, features: Value, { dim }: TransformerSizes): Value {
  const layer = at.in("emb_in");
  const first = silu(layer, linear(layer, features, "proj_in", { outputs: dim, bias: true }));
  const second = silu(layer, linear(layer, first, "proj_hid", { outputs: dim, bias: true }));
  return linear(layer, second, "proj_out", { outputs: MODULATION_VECTORS * dim, bias: true });
}
