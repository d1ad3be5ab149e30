import type { Graph } from "../onnx/graph.ts";
import { linear } from "../onnx/matmul.ts";
import { reshape, transpose } from "../onnx/movement.ts";
import type { Value } from "../onnx/value.ts";
import type { TransformerSizes } from "../weights/network.ts";
import type { Extent } from "./windows.ts";

/** Rows and columns of the latent in a patch (seedvr2-dit.md section 1; in no tensor). */
const PATCH_SIDE = 2;

/** The token grid of a latent of t × h × w cells. */
export function gridOf([t, h, w]: Extent): Extent {
  return [t, h / PATCH_SIDE, w / PATCH_SIDE];
}

/** Latent rows [t·h·w, channels] → tokens [t·h/2·w/2, dim]; features of a patch in the order (dh, dw, c). */
export function patchIn(at: Graph, latent: Value, latentExtent: Extent, { channelsIn, dim }: TransformerSizes): Value {
  const [t, h, w] = gridOf(latentExtent);
  const cells = reshape(at, latent, [t, h, PATCH_SIDE, w, PATCH_SIDE, channelsIn]);
  const patches = transpose(at, cells, [0, 1, 3, 2, 4, 5]);
  const rows = reshape(at, patches, [t * h * w, PATCH_SIDE * PATCH_SIDE * channelsIn]);
  return linear(at.in("vid_in"), rows, "proj", { outputs: dim, bias: true });
}

/** Tokens [t·h/2·w/2, dim] → latent rows [t·h·w, channels]. */
export function patchOut(at: Graph, tokens: Value, latentExtent: Extent, { channelsOut }: TransformerSizes): Value {
  const [t, h, w] = gridOf(latentExtent);
  const outputs = PATCH_SIDE * PATCH_SIDE * channelsOut;
  const rows = linear(at.in("vid_out"), tokens, "proj", { outputs, bias: true });
  const patches = reshape(at, rows, [t, h, w, PATCH_SIDE, PATCH_SIDE, channelsOut]);
  const cells = transpose(at, patches, [0, 1, 3, 2, 4, 5]);
  return reshape(at, cells, [t * h * w * PATCH_SIDE * PATCH_SIDE, channelsOut]);
}
