import { attention, rotate, type RotaryTables } from "../onnx/attention.ts";
import { add, cast, multiply, scalar } from "../onnx/elementwise.ts";
import type { Graph } from "../onnx/graph.ts";
import { linear, linearParts } from "../onnx/matmul.ts";
import { concat, expand, reshape, slice, sumOver } from "../onnx/movement.ts";
import { rmsNorm } from "../onnx/norm.ts";
import type { Value } from "../onnx/value.ts";
import type { BlockSizes, TransformerSizes } from "../weights/network.ts";
import { eachSet, withText, type Streams, type WeightSet } from "./streams.ts";
import type { WindowGroup } from "./token-order.ts";

export interface AttentionContext {
  readonly sizes: TransformerSizes;
  readonly block: BlockSizes;
  readonly eps: number;
  readonly groups: readonly WindowGroup[];
  readonly rotary: { readonly video: RotaryTables; readonly text?: RotaryTables };
  /** False in the last block: nothing reads the text's result there, only its keys and values. */
  readonly textWanted: boolean;
}

/**
 * Attention inside windows (seedvr2-dit.md section 4). Video rows come in window order; each window also sees all text
 * rows, and the text's results, one for each window, are averaged.
 */
export function windowAttention(at: Graph, x: Streams, context: AttentionContext): Streams {
  const { sizes, block } = context;
  const [q, k, v] = eachSet(at, block.weights, x, (rows, set) => queryKeyValue(at, rows, set, context)) as [
    Streams,
    Streams,
    Streams,
  ];
  const rotated = { query: rotateStreams(at, q, context), key: rotateStreams(at, k, context), value: v };
  const result = attendInWindows(at, rotated, context);
  const [out] = eachSet(at, block.weights, result, (rows, set) => [
    linear(at, rows, `proj_out.${set}`, { outputs: sizes.dim, bias: true }),
  ]) as [Streams];
  return out;
}

function queryKeyValue(at: Graph, rows: Value, set: WeightSet, { sizes, eps }: AttentionContext): Value[] {
  const { heads, headDim } = sizes;
  const inner = heads * headDim;
  const parts = { outputs: 3 * inner, bias: false, count: 3 };
  const [q, k, v] = linearParts(at, rows, `proj_qkv.${set}`, parts) as [Value, Value, Value];
  const norm = (x: Value, name: string) => {
    const perHead = reshape(at, x, [x.shape[0] ?? 0, heads, headDim]);
    return reshape(at, rmsNorm(at, perHead, at.weight(`${name}.${set}.weight`, [headDim]), eps), x.shape);
  };
  return [norm(q, "norm_q"), norm(k, "norm_k"), v];
}

function rotateStreams(at: Graph, { video, text }: Streams, { sizes, rotary }: AttentionContext): Streams {
  const turnedText = text && rotary.text ? rotate(at, text, rotary.text, sizes.heads) : text;
  return withText(rotate(at, video, rotary.video, sizes.heads), turnedText);
}

interface Parts {
  readonly query: Streams;
  readonly key: Streams;
  readonly value: Streams;
}

function attendInWindows(at: Graph, parts: Parts, { sizes, groups, textWanted }: AttentionContext): Streams {
  const videos: Value[] = [];
  const texts: Value[] = [];
  let start = 0;
  for (const group of groups) {
    const rows = group.rows;
    const sequence = (stream: Streams, withTextRows = true) => {
      const video = slice(at, stream.video, 0, { from: start, to: start + group.windows * rows });
      const width = video.shape[1] ?? 0;
      const windows = reshape(at, video, [group.windows, rows, width]);
      return withTextRows && stream.text ? concat(at, [windows, repeated(at, stream.text, group.windows)], 1) : windows;
    };
    const query = sequence(parts.query, textWanted);
    const result = attention(at, { query, key: sequence(parts.key), value: sequence(parts.value) }, sizes.heads);
    const [, length = 0, width = 0] = result.shape;
    videos.push(reshape(at, slice(at, result, 1, { from: 0, to: rows }), [group.windows * rows, width]));
    if (length > rows) texts.push(sumOver(at, cast(at, slice(at, result, 1, { from: rows, to: length }), "F32"), 0));
    start += group.windows * rows;
  }
  const windows = groups.reduce((sum, group) => sum + group.windows, 0);
  return withText(concat(at, videos, 0), mean(at, texts, windows));
}

/** The same text rows for each window: [L, width] → [windows, L, width]. */
function repeated(at: Graph, text: Value, windows: number): Value {
  return expand(at, reshape(at, text, [1, ...text.shape]), [windows, ...text.shape]);
}

/** Plain mean, in the type of products: each window counts the same whatever its size. */
function mean(at: Graph, sums: readonly Value[], windows: number): Value | undefined {
  const [first, ...rest] = sums;
  if (!first) return undefined;
  const sum = rest.reduce((total, value) => add(at, total, value), first);
  return cast(at, multiply(at, sum, scalar(at, 1 / windows)), at.productType);
}
