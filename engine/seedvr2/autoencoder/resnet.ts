import { add, silu } from "../../onnx/elementwise.ts";
import type { Graph } from "../../onnx/graph.ts";
import { groupNorm } from "../../onnx/norm.ts";
import type { Value } from "../../onnx/value.ts";
import type { AutoencoderContext } from "./autoencoder-context.ts";
import { causalConv, conv3, pointwise } from "./causal-conv.ts";

/** x + conv2(silu(norm2(conv1(silu(norm1(x)))))), x through conv_shortcut where channels change (seedvr2-vae.md section 2). */
export function resnet(at: Graph, x: Value, outputs: number, { settings, time }: AutoencoderContext): Value {
  const conv = { shape: conv3(outputs), time };
  const first = causalConv(at, silu(at, groupNorm(at, x, "norm1", settings)), "conv1", conv);
  const second = causalConv(at, silu(at, groupNorm(at, first, "norm2", settings)), "conv2", conv);
  return add(at, x.shape[1] === outputs ? x : pointwise(at, x, "conv_shortcut", outputs), second);
}
