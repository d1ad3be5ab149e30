import type { Graph } from "../../engine/onnx/graph.ts";
import type { GraphNode } from "../../engine/onnx/graph-parts.ts";
import { liveParts } from "../../engine/onnx/live-parts.ts";
import { sizeOf, type Shape } from "../../engine/onnx/value.ts";

/** Floating-point operations, a multiplication with its addition being two, by what limits them. */
export interface Arithmetic {
  /** Matrix products, attention among them. */
  readonly products: number;
  /** Convolutions of fewer than 512 channels, which have the large pictures. */
  readonly largeConvs: number;
  /** Convolutions of 512 channels. */
  readonly deepConvs: number;
}

const DEEP = 512;

/** What graphs multiply and add; everything else they do counts nothing. */
export function arithmeticOf(graphs: readonly Graph[]): Arithmetic {
  const total = { products: 0, largeConvs: 0, deepConvs: 0 };
  for (const graph of graphs) {
    for (const node of liveParts(graph).nodes) {
      if (node.operator === "Conv") total[inputOf(node, 0)[1] === DEEP ? "deepConvs" : "largeConvs"] += ofConv(node);
      else total.products += ofProduct(node);
    }
  }
  return total;
}

export function sum({ products, largeConvs, deepConvs }: Arithmetic): number {
  return products + largeConvs + deepConvs;
}

function ofConv(node: GraphNode): number {
  const kernel = inputOf(node, 1);
  return 2 * sizeOf(node.output.shape) * sizeOf(kernel.slice(1));
}

function ofProduct(node: GraphNode): number {
  const results = sizeOf(node.output.shape);
  if (node.operator === "Gemm" || node.operator === "MatMul") return 2 * results * (inputOf(node, 0).at(-1) ?? 0);
  if (node.operator !== "MultiHeadAttention") return 0;
  const rows = inputOf(node, 1)[1] ?? 0;
  return 4 * results * rows; // queries with keys, then shares with values
}

function inputOf(node: GraphNode, index: number): Shape {
  return node.inputs[index]?.shape ?? [];
}
