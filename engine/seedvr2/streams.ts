import type { Graph } from "../onnx/graph.ts";
import { concat, slice } from "../onnx/movement.ts";
import type { Value } from "../onnx/value.ts";
import type { BlockSizes } from "../weights/network.ts";

/** The two kinds of rows that pass through the transformer. Text is absent where nothing reads it any more. */
export interface Streams {
  /** [tokens, features] */
  readonly video: Value;
  /** [L, features] */
  readonly text?: Value;
}

/** How checkpoints name weights of video, of text, and of both. */
export type WeightSet = "vid" | "txt" | "all";

/**
 * Applies a function that treats every row alike to both streams, each with its own weights; with shared weights to all
 * rows in one go. Returns the streams of each of its results.
 */
export function eachSet(
  at: Graph,
  weights: BlockSizes["weights"],
  { video, text }: Streams,
  apply: (rows: Value, set: WeightSet) => readonly Value[],
): Streams[] {
  const videoSet = weights === "shared" ? "all" : "vid";
  if (!text) return apply(video, videoSet).map((result) => ({ video: result }));
  if (weights === "own") {
    const texts = apply(text, "txt");
    return apply(video, "vid").map((result, i) => withText(result, texts[i]));
  }
  const tokens = video.shape[0] ?? 0;
  const rows = tokens + (text.shape[0] ?? 0);
  return apply(concat(at, [video, text], 0), "all").map((result) => ({
    video: slice(at, result, 0, { from: 0, to: tokens }),
    text: slice(at, result, 0, { from: tokens, to: rows }),
  }));
}

export function withText(video: Value, text: Value | undefined): Streams {
  return text ? { video, text } : { video };
}
