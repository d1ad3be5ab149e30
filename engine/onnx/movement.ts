import type { Graph } from "./graph.ts";
import { sizeOf, type Shape, type Value } from "./value.ts";

export function reshape(at: Graph, x: Value, shape: Shape): Value {
  at.check(sizeOf(shape) === sizeOf(x.shape), `Reshape to [${shape.join(",")}] wants as many values`, x);
  return at.node({ operator: "Reshape", inputs: [x, at.constant(shape, [shape.length])], shape });
}

/** Axis i of the result is axis `order[i]` of x. */
export function transpose(at: Graph, x: Value, order: readonly number[]): Value {
  const axes = [...order].sort((a, b) => a - b);
  at.check(axes.length === x.shape.length && axes.every((axis, i) => axis === i), "Transpose wants each axis once", x);
  const shape = order.map((axis) => x.shape[axis] ?? 0);
  return at.node({ operator: "Transpose", inputs: [x], attributes: { perm: order }, shape });
}

/** The values one behind the other along an axis; a single value is itself. */
export function concat(at: Graph, values: readonly Value[], axis: number): Value {
  const [first, ...rest] = values;
  at.check(first !== undefined, "Concat wants values");
  if (rest.length === 0) return first;
  const fits = rest.every(
    ({ shape, type }) =>
      type === first.type &&
      shape.length === first.shape.length &&
      shape.every((size, i) => i === axis || size === first.shape[i]),
  );
  at.check(fits, `Concat wants one type and shapes equal but for axis ${axis}`, ...values);
  const total = values.reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
  const shape = first.shape.map((size, i) => (i === axis ? total : size));
  return at.node({ operator: "Concat", inputs: values, attributes: { axis }, shape });
}

export interface Range {
  readonly from: number;
  readonly to: number;
  readonly step?: number;
}

/** Elements `from` … `to` (excluded) of an axis, every `step`-th; all of them is the value itself. */
export function slice(at: Graph, x: Value, axis: number, { from, to, step = 1 }: Range): Value {
  const size = x.shape[axis] ?? 0;
  at.check(0 <= from && from < to && to <= size, `Slice ${from}:${to} of axis ${axis} lies outside`, x);
  if (from === 0 && to === size && step === 1) return x;
  const shape = x.shape.map((old, i) => (i === axis ? Math.ceil((to - from) / step) : old));
  const one = (value: number) => at.constant([value], [1]);
  return at.node({ operator: "Slice", inputs: [x, one(from), one(to), one(axis), one(step)], shape });
}

/** Rows of x in the order of `rows`; the order they have already is the value itself. */
export function gatherRows(at: Graph, x: Value, rows: ArrayLike<number>): Value {
  const list = Array.from(rows);
  const count = x.shape[0] ?? 0;
  at.check(
    list.every((row) => row >= 0 && row < count),
    "Gather wants rows inside",
    x,
  );
  if (list.length === count && list.every((row, i) => row === i)) return x;
  const shape = [list.length, ...x.shape.slice(1)];
  return at.node({ operator: "Gather", inputs: [x, at.constant(list, [list.length])], attributes: { axis: 0 }, shape });
}

/** x repeated to a larger shape along axes of size 1. */
export function expand(at: Graph, x: Value, shape: Shape): Value {
  const fits = shape.length === x.shape.length && shape.every((size, i) => size === x.shape[i] || x.shape[i] === 1);
  at.check(fits, `Expand to [${shape.join(",")}] wants sizes of 1`, x);
  return at.node({ operator: "Expand", inputs: [x, at.constant(shape, [shape.length])], shape });
}

/** Sum over an axis, which falls away. */
export function sumOver(at: Graph, x: Value, axis: number): Value {
  const shape = x.shape.filter((_, i) => i !== axis);
  return at.node({ operator: "ReduceSum", inputs: [x, at.constant([axis], [1])], attributes: { keepdims: 0 }, shape });
}

/** [n, 4·c, h, w] → [n, c, 2h, 2w]; channel (y·2 + x)·c + k goes to pixel (y, x) of its square. */
export function depthToSpace(at: Graph, x: Value): Value {
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  at.check(x.shape.length === 4 && c % 4 === 0, "DepthToSpace wants [n, 4c, h, w]", x);
  const shape = [n, c / 4, 2 * h, 2 * w];
  return at.node({ operator: "DepthToSpace", inputs: [x], attributes: { blocksize: 2, mode: "DCR" }, shape });
}
