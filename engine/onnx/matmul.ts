import type { Graph } from "./graph.ts";
import type { RowRange } from "./graph-parts.ts";
import { cast } from "./elementwise.ts";
import { concat } from "./movement.ts";
import { rotateColumns } from "./rotation.ts";
import type { Value } from "./value.ts";

/**
 * Rows of a weight that are converted and multiplied at a time: what bounds the memory of converted weights (18 MB a
 * stripe of 3B). Narrower stripes stay in the processor's cache, but cost nodes: with 128 rows a pass of 3B over 640×480
 * takes 31 to 37 s, of which making sessions is 7, with 640 28 s, of which 2. Where nothing is converted while the graph
 * runs, products are made in one piece.
 */
export const STRIPE = 640;

export interface LinearShape {
  readonly outputs: number;
  readonly bias: boolean;
}

/**
 * y = x · Wᵀ (+ b), in the type of products. x [rows, columns] → [rows, outputs]; W [outputs, columns] and b [outputs] as
 * checkpoints have them.
 */
export function linear(at: Graph, x: Value, name: string, shape: LinearShape): Value {
  return concat(at.in(name), linearStripes(at, x, name, shape), 1);
}

/** The same, with the outputs cut into equal parts: one value for each. */
export function linearParts(at: Graph, x: Value, name: string, parts: LinearShape & { count: number }): Value[] {
  const width = parts.outputs / parts.count;
  at.check(Number.isInteger(width), `Linear wants ${parts.outputs} outputs in ${parts.count} equal parts`, x);
  return Array.from({ length: parts.count }, (_, part) => {
    const range = { from: part * width, to: (part + 1) * width };
    return concat(at.in(name), stripesOf(at.in(name), x, parts, range), 1);
  });
}

/**
 * The same, in the stripes it is computed in, [rows, STRIPE] each and the last one narrower. What treats every value alike
 * is best done to stripes, while they are still in the cache, and before they are put together.
 */
export function linearStripes(at: Graph, x: Value, name: string, shape: LinearShape): Value[] {
  return stripesOf(at.in(name), x, shape, { from: 0, to: shape.outputs });
}

function stripesOf(layer: Graph, x: Value, { outputs, bias }: LinearShape, range: RowRange): Value[] {
  const [rows = 0, columns = 0] = x.shape;
  layer.check(x.shape.length === 2, "Linear wants [rows, columns]", x);
  const rotation = layer.inputRotation("weight", [outputs, columns]);
  const factor = cast(layer, rotation ? rotateColumns(layer, x, rotation) : x, layer.productType);
  const width = layer.lowering.weights === "stored" ? STRIPE : range.to - range.from;
  const stripes: Value[] = [];
  for (let from = range.from; from < range.to; from += width) {
    const stripe = { from, to: Math.min(from + width, range.to) };
    const weight = layer.factor("weight", [outputs, columns], stripe);
    const inputs = bias ? [factor, weight, layer.factor("bias", [outputs], stripe)] : [factor, weight];
    const shape = [rows, stripe.to - stripe.from];
    stripes.push(layer.node({ operator: "Gemm", inputs, attributes: { transB: 1 }, shape }));
  }
  return stripes;
}

/** Matrix product over the last two axes; those before must be equal. */
export function matmul(at: Graph, a: Value, b: Value): Value {
  const rank = a.shape.length;
  const fits = rank === b.shape.length && a.shape[rank - 1] === b.shape[rank - 2];
  at.check(
    fits && a.type === b.type && a.shape.slice(0, -2).every((n, i) => n === b.shape[i]),
    "MatMul wants inner sizes to fit",
    a,
    b,
  );
  return at.node({ operator: "MatMul", inputs: [a, b], shape: [...a.shape.slice(0, -1), b.shape[rank - 1] ?? 0] });
}
