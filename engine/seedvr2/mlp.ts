import { geluTanh, multiply, silu } from "../onnx/elementwise.ts";
import type { Graph } from "../onnx/graph.ts";
import { linear } from "../onnx/matmul.ts";
import type { Value } from "../onnx/value.ts";
import type { TransformerSizes } from "../weights/network.ts";

type Mlp = (at: Graph, x: Value, sizes: { dim: number; hidden: number }) => Value;

/** The two kinds of MLP, x [rows, dim] → [rows, dim] (seedvr2-dit.md section 4). */
export const mlps: Readonly<Record<TransformerSizes["mlp"], Mlp>> = {
  swiglu: (at, x, { dim, hidden }) => {
    const gate = silu(at, linear(at, x, "proj_in_gate", { outputs: hidden, bias: false }));
    const inner = multiply(at, gate, linear(at, x, "proj_in", { outputs: hidden, bias: false }));
    return linear(at, inner, "proj_out", { outputs: dim, bias: false });
  },
  gelu: (at, x, { dim, hidden }) => {
    const inner = geluTanh(at, linear(at, x, "proj_in", { outputs: hidden, bias: true }));
    return linear(at, inner, "proj_out", { outputs: dim, bias: true });
  },
};
