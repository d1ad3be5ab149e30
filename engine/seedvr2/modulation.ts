import { add, multiply } from "../onnx/elementwise.ts";
import type { Graph } from "../onnx/graph.ts";
import { reshape, slice, transpose } from "../onnx/movement.ts";
import { rmsNorm } from "../onnx/norm.ts";
import type { Value } from "../onnx/value.ts";
import { MODULATION_VECTORS } from "./timestep.ts";

export type Layer = "attn" | "mlp";

const kinds = ["shift", "scale", "gate"] as const;
type Kind = (typeof kinds)[number];

/** The timestep embedding [1, 6·dim] as rows [6, dim], in the order attention's shift, scale, gate, then the MLP's. */
export function modulationRows(at: Graph, embedding: Value): Value {
  const dim = (embedding.shape[1] ?? 0) / MODULATION_VECTORS;
  return transpose(at, reshape(at, embedding, [dim, MODULATION_VECTORS]), [1, 0]);
}

/** A vector [dim] of the embedding's rows plus the network's own one of that name, under the graph's path. */
export function modulationVector(at: Graph, rows: Value, parts: { layer: Layer; kind: Kind; own: string }): Value {
  const dim = rows.shape[1] ?? 0;
  const row = (parts.layer === "attn" ? 0 : kinds.length) + kinds.indexOf(parts.kind);
  const timed = reshape(at, slice(at, rows, 0, { from: row, to: row + 1 }), [dim]);
  return add(at, timed, at.weight(parts.own, [dim]));
}

/** rms(x) · scale + shift: there is no implicit "1 +" (seedvr2-dit.md section 3). */
export function normAndModulate(at: Graph, x: Value, vectors: { scale: Value; shift: Value }, eps: number): Value {
  return add(at, rmsNorm(at, x, vectors.scale, eps), vectors.shift);
}

/** rms(x), without weights. */
export function plainNorm(at: Graph, x: Value, eps: number): Value {
  const dim = x.shape.at(-1) ?? 0;
  return rmsNorm(at, x, at.constant(Array<number>(dim).fill(1), [dim], "F32"), eps);
}

/** x + gate · y */
export function gatedSum(at: Graph, x: Value, y: Value, gate: Value): Value {
  return add(at, x, multiply(at, y, gate));
}
