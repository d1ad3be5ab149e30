import { add } from "../onnx/elementwise.ts";
import type { Graph } from "../onnx/graph.ts";
import type { Value } from "../onnx/value.ts";
import { mlps } from "./mlp.ts";
import { gatedSum, modulationVector, normAndModulate, plainNorm, type Layer } from "./modulation.ts";
import { eachSet, withText, type Streams } from "./streams.ts";
import { windowAttention, type AttentionContext } from "./window-attention.ts";

export interface BlockContext extends AttentionContext {
  /** Vectors of the timestep embedding, [6, dim]. */
  readonly modulation: Value;
}

/**
 * x += gate · attention(norm(x)), then the same with the MLP. video [tokens, dim] in window order, text [L, dim].
 * seedvr2-dit.md section 4.
 */
export function block(at: Graph, x: Streams, context: BlockContext): Streams {
  const attended = windowAttention(at.in("attn"), modulated(at, x, "attn", context), context);
  at.trace("attn.vid", attended.video);
  if (attended.text) at.trace("attn.txt", attended.text);
  const middle = summed(at, context.textWanted ? x : { video: x.video }, attended, { layer: "attn", context });
  return summed(at, middle, mlp(at.in("mlp"), modulated(at, middle, "mlp", context), context), {
    layer: "mlp",
    context,
  });
}

/** norm and modulation in. Where modulation acts on video only, text is normed before attention, else left alone. */
function modulated(at: Graph, x: Streams, layer: Layer, { block: sizes, modulation, eps }: BlockContext): Streams {
  const videoAndText = sizes.videoOnly ? { video: x.video } : x;
  const [result] = eachSet(at, sizes.weights, videoAndText, (rows, set) => {
    const vector = (kind: "scale" | "shift") =>
      modulationVector(at.in("ada", set), modulation, { layer, kind, own: `${layer}_${kind}` });
    return [normAndModulate(at, rows, { scale: vector("scale"), shift: vector("shift") }, eps)];
  }) as [Streams];
  if (!sizes.videoOnly || !x.text) return result;
  return withText(result.video, layer === "attn" ? plainNorm(at, x.text, eps) : x.text);
}

/** The MLP of each stream; video's alone where text has none. */
function mlp(at: Graph, x: Streams, { sizes, block: { weights, hidden, videoOnly } }: BlockContext): Streams {
  const [result] = eachSet(at, weights, videoOnly ? { video: x.video } : x, (rows, set) => [
    mlps[sizes.mlp](at.in(set), rows, { dim: sizes.dim, hidden }),
  ]) as [Streams];
  return videoOnly ? withText(result.video, x.text) : result;
}

/** x + gate · y for both streams; text without a gate where modulation acts on video only. */
function summed(at: Graph, x: Streams, y: Streams, how: { layer: Layer; context: BlockContext }): Streams {
  const { layer, context } = how;
  const { weights, videoOnly } = context.block;
  const gated = (a: Value, b: Value, set: string) => {
    const own = `${layer}_gate`;
    const gate = modulationVector(at.in("ada", set), context.modulation, { layer, kind: "gate", own });
    return gatedSum(at, a, b, gate);
  };
  const video = gated(x.video, y.video, weights === "shared" ? "all" : "vid");
  if (!x.text || !y.text) return { video };
  if (videoOnly) return { video, text: add(at, x.text, y.text) };
  return { video, text: gated(x.text, y.text, weights === "shared" ? "all" : "txt") };
}
