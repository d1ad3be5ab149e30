import type { Graph } from "./graph.ts";
import { elementTypes, type FloatType, type Shape, type Value } from "./value.ts";

/** x in another type; in its own it is itself. */
export function cast(at: Graph, x: Value, type: FloatType): Value {
  if (x.type === type) return x;
  const attributes = { to: elementTypes[type].onnx };
  return at.node({ operator: "Cast", inputs: [x], attributes, type, shape: x.shape });
}

/** a + b, with sizes of 1 repeated as NumPy does; fp32 where either is. */
export function add(at: Graph, a: Value, b: Value): Value {
  return binary(at, "Add", a, b);
}

/** a · b, with sizes of 1 repeated as NumPy does; fp32 where either is. */
export function multiply(at: Graph, a: Value, b: Value): Value {
  return binary(at, "Mul", a, b);
}

/** x · sigmoid(x); the runtime fuses the two. */
export function silu(at: Graph, x: Value): Value {
  return multiply(at, x, at.node({ operator: "Sigmoid", inputs: [x], shape: x.shape }));
}

/** The tanh form of GELU. */
export function geluTanh(at: Graph, x: Value): Value {
  return at.node({ operator: "Gelu", inputs: [x], attributes: { approximate: "tanh" }, shape: x.shape });
}

/** A number as a value that can be combined with any shape. */
export function scalar(at: Graph, value: number): Value {
  return at.constant([value], [1], "F32");
}

function binary(at: Graph, operator: "Add" | "Mul", a: Value, b: Value): Value {
  const shape = broadcast(a.shape, b.shape);
  at.check(shape !== undefined, `${operator} wants shapes that fit`, a, b);
  const inputs = a.type === b.type ? [a, b] : [cast(at, a, "F32"), cast(at, b, "F32")];
  return at.node({ operator, inputs, shape });
}

function broadcast(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const shape = Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    return x === y || y === 1 ? x : x === 1 ? y : undefined;
  });
  return shape.every((size) => size !== undefined) ? shape : undefined;
}
