import { add, cast, geluTanh, multiply, scalar, silu } from "../onnx/elementwise.ts";
import type { Graph } from "../onnx/graph.ts";
import { linear, linearStripes, type LinearShape } from "../onnx/matmul.ts";
import { concat } from "../onnx/movement.ts";
import type { Value } from "../onnx/value.ts";
import type { TransformerSizes } from "../weights/network.ts";

type Mlp = (at: Graph, x: Value, sizes: { dim: number; hidden: number }) => Value;

/**
 * What the hidden values are multiplied by before they become fp16, which ends at 65,504; undone after the product, whose
 * results are larger still (seedvr2-dit.md section 8).
 */
const HALF_SCALE = 2 ** -4;

/** The two kinds of MLP, x [rows, dim] → [rows, dim] (seedvr2-dit.md section 4). */
export const mlps: Readonly<Record<TransformerSizes["mlp"], Mlp>> = {
  swiglu: (at, x, { dim, hidden }) => {
    const gates = wideStripes(at, x, "proj_in_gate", { outputs: hidden, bias: false });
    const values = wideStripes(at, x, "proj_in", { outputs: hidden, bias: false });
    const stripes = gates.map((gate, i) => multiply(at, silu(at, gate), values[i] as Value));
    return projectedOut(at, stripes, { outputs: dim, bias: false });
  },
  gelu: (at, x, { dim, hidden }) => {
    const stripes = wideStripes(at, x, "proj_in", { outputs: hidden, bias: true }).map((part) => geluTanh(at, part));
    return projectedOut(at, stripes, { outputs: dim, bias: true });
  },
};

function wideStripes(at: Graph, x: Value, name: string, shape: LinearShape): Value[] {
  return linearStripes(at, x, name, shape).map((stripe) => cast(at, stripe, "F32"));
}

/** `proj_out` of hidden values in fp32. */
function projectedOut(at: Graph, stripes: readonly Value[], shape: LinearShape): Value {
  if (at.productType === "F32") return linear(at, concat(at, stripes, 1), "proj_out", shape);
  const small = stripes.map((stripe) => cast(at, multiply(at, stripe, scalar(at, HALF_SCALE)), "F16"));
  const product = linear(at, concat(at, small, 1), "proj_out", { ...shape, bias: false });
  const restored = multiply(at, cast(at, product, "F32"), scalar(at, 1 / HALF_SCALE));
  return shape.bias ? add(at, restored, at.in("proj_out").weight("bias", [shape.outputs])) : restored;
}
