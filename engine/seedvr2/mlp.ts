import { geluTanh, multiply, silu } from "../onnx/elementwise.ts";
import type { Graph } from "../onnx/graph.ts";
import { linear, linearStripes } from "../onnx/matmul.ts";
import { concat } from "../onnx/movement.ts";
import type { Value } from "../onnx/value.ts";
import type { TransformerSizes } from "../weights/network.ts";

type Mlp = (at: Graph, x: Value, sizes: { dim: number; hidden: number }) => Value;

/** The two kinds of MLP, x [rows, dim] → [rows, dim] (seedvr2-dit.md section 4). */
export const mlps: Readonly<Record<TransformerSizes["mlp"], Mlp>> = {
  swiglu: (at, x, { dim, hidden }) => {
    const gates = linearStripes(at, x, "proj_in_gate", { outputs: hidden, bias: false });
    const values = linearStripes(at, x, "proj_in", { outputs: hidden, bias: false });
    const stripes = gates.map((gate, i) => multiply(at, silu(at, gate), values[i] as Value));
    return linear(at, concat(at, stripes, 1), "proj_out", { outputs: dim, bias: false });
  },
  gelu: (at, x, { dim, hidden }) => {
    const stripes = linearStripes(at, x, "proj_in", { outputs: hidden, bias: true }).map((part) => geluTanh(at, part));
    return linear(at, concat(at, stripes, 1), "proj_out", { outputs: dim, bias: true });
  },
};
