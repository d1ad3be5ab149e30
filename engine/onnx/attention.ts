import { cast, multiply, scalar } from "./elementwise.ts";
import type { Graph } from "./graph.ts";
import { matmul } from "./matmul.ts";
import { concat, reshape, slice, transpose } from "./movement.ts";
import type { Value } from "./value.ts";

/** Queries at a time where attention is written as plain products: bounds the matrix of scores. */
const QUERY_BLOCK = 512;

export interface QueryKeyValue {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

/**
 * softmax(q·kᵀ/√headDim)·v for each head and batch. query [batch, queries, heads·headDim], key and value [batch, rows,
 * heads·headDim]; result like query, in the type of products. Fused, what scores and softmax are in is the operator's own
 * affair; written out they are fp32. No mask: a mask would cost the runtime its memory-saving form.
 */
export function attention(at: Graph, { query, key, value }: QueryKeyValue, heads: number): Value {
  const fits = [query, key, value].every(({ shape }) => shape.length === 3 && (shape[2] ?? 0) % heads === 0);
  at.check(fits, "attention wants [batch, rows, heads·headDim]", query, key, value);
  if (at.lowering.attention === "plain") return plainAttention(at, { query, key, value }, heads);
  return at.node({
    operator: "MultiHeadAttention",
    domain: "com.microsoft",
    inputs: [query, key, value].map((part) => cast(at, part, at.productType)),
    attributes: { num_heads: heads },
    shape: query.shape,
  });
}

/** Scores and softmax are fp32 whatever products are in: an error in a score is a factor in its share. */
function plainAttention(at: Graph, { query, key, value }: QueryKeyValue, heads: number): Value {
  const [batch = 0, queries = 0, width = 0] = query.shape;
  const headDim = width / heads;
  const split = (x: Value, order: readonly number[]) =>
    transpose(at, reshape(at, x, [batch, x.shape[1] ?? 0, heads, headDim]), order);
  const scaled = multiply(at, cast(at, query, "F32"), scalar(at, 1 / Math.sqrt(headDim)));
  const [q, k] = [split(scaled, [0, 2, 1, 3]), split(cast(at, key, "F32"), [0, 2, 3, 1])];
  const v = split(cast(at, value, at.productType), [0, 2, 1, 3]);
  const blocks: Value[] = [];
  for (let from = 0; from < queries; from += QUERY_BLOCK) {
    const part = slice(at, q, 2, { from, to: Math.min(from + QUERY_BLOCK, queries) });
    const scores = matmul(at, part, k);
    const shares = at.node({ operator: "Softmax", inputs: [scores], attributes: { axis: -1 }, shape: scores.shape });
    blocks.push(matmul(at, cast(at, shares, at.productType), v));
  }
  return reshape(at, transpose(at, concat(at, blocks, 2), [0, 2, 1, 3]), query.shape);
}

/** Cosines and sines by position and pair of features: both [rows, headDim/2]. */
export interface RotaryTables {
  readonly cosines: Value;
  readonly sines: Value;
}

/** Rotates adjacent pairs of features of each head by the angles of each row. x [rows, heads·headDim]. */
export function rotate(at: Graph, x: Value, { cosines, sines }: RotaryTables, heads: number): Value {
  const [rows = 0, width = 0] = x.shape;
  const pairs = width / heads / 2;
  at.check(
    cosines.shape[0] === rows && cosines.shape[1] === pairs,
    "rotation wants a row of angles for each row",
    x,
    cosines,
  );
  const rotated = at.node({
    operator: "RotaryEmbedding",
    domain: "com.microsoft",
    inputs: [reshape(at, x, [1, rows, width]), at.constant([0], [1]), cosines, sines],
    attributes: { interleaved: 1 },
    shape: [1, rows, width],
  });
  return reshape(at, rotated, x.shape);
}
