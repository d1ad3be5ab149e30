import type { Graph } from "./graph.ts";
import { concat } from "./movement.ts";
import type { Value } from "./value.ts";

/**
 * Rows of a weight that are converted and multiplied at a time, so that the converted rows are still in the processor's
 * cache when they are used (measured: 0.89 of a prepacked product against 0.77–0.82 in one piece).
 */
const STRIPE = 128;

/** y = x · Wᵀ (+ b). x [rows, columns] → [rows, outputs]; W [outputs, columns] and b [outputs] as checkpoints have them. */
export function linear(at: Graph, x: Value, name: string, parts: { outputs: number; bias: boolean }): Value {
  const [y] = linearParts(at, x, name, { outputs: [parts.outputs], bias: parts.bias });
  at.check(y !== undefined, "Linear wants an output", x);
  return y;
}

/** The same, with the outputs cut into parts: one value for each. */
export function linearParts(
  at: Graph,
  x: Value,
  name: string,
  { outputs, bias }: { outputs: readonly number[]; bias: boolean },
): Value[] {
  const layer = at.in(name);
  const [rows = 0, columns = 0] = x.shape;
  at.check(x.shape.length === 2, "Linear wants [rows, columns]", x);
  const total = outputs.reduce((sum, count) => sum + count, 0);
  let start = 0;
  return outputs.map((count) => {
    const stripes: Value[] = [];
    for (const end = start + count; start < end;) {
      const range = { from: start, to: Math.min(start + STRIPE, end) };
      const weight = layer.weight("weight", [total, columns], range);
      const inputs = bias ? [x, weight, layer.weight("bias", [total], range)] : [x, weight];
      stripes.push(
        layer.node({ operator: "Gemm", inputs, attributes: { transB: 1 }, shape: [rows, range.to - range.from] }),
      );
      start = range.to;
    }
    return concat(layer, stripes, 1);
  });
}

/** Matrix product over the last two axes; those before must be equal. */
export function matmul(at: Graph, a: Value, b: Value): Value {
  const rank = a.shape.length;
  const fits = rank === b.shape.length && a.shape[rank - 1] === b.shape[rank - 2];
  at.check(fits && a.shape.slice(0, -2).every((n, i) => n === b.shape[i]), "MatMul wants inner sizes to fit", a, b);
  return at.node({ operator: "MatMul", inputs: [a, b], shape: [...a.shape.slice(0, -1), b.shape[rank - 1] ?? 0] });
}
