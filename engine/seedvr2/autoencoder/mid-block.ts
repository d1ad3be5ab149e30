import { attention } from "../../onnx/attention.ts";
import { add } from "../../onnx/elementwise.ts";
import type { Graph } from "../../onnx/graph.ts";
import { linear } from "../../onnx/matmul.ts";
import { reshape, transpose } from "../../onnx/movement.ts";
import { groupNorm } from "../../onnx/norm.ts";
import type { Value } from "../../onnx/value.ts";
import type { AutoencoderContext } from "./autoencoder-context.ts";
import { resnet } from "./resnet.ts";

/** Resnet, attention, resnet; channels and size stay. */
export function midBlock(at: Graph, x: Value, context: AutoencoderContext): Value {
  const block = at.in("mid_block");
  const channels = x.shape[1] ?? 0;
  const first = resnet(block.in("resnets", 0), x, channels, context);
  const attended = frameAttention(block.in("attentions", 0), first, context);
  return resnet(block.in("resnets", 1), attended, channels, context);
}

/** x plus attention of one head over all pixels of a frame, frames apart. x [frames, channels, h, w]. */
function frameAttention(at: Graph, x: Value, { sizes, settings }: AutoencoderContext): Value {
  const [frames = 0, channels = 0, h = 0, w = 0] = x.shape;
  const pixels = h * w;
  const normed = reshape(at, groupNorm(at, x, "group_norm", settings), [frames, channels, pixels]);
  const rows = reshape(at, transpose(at, normed, [0, 2, 1]), [frames * pixels, channels]);
  const layer = (input: Value, name: string) => linear(at, input, name, { outputs: channels, bias: true });
  const [toQuery, toKey, toValue, toOut] = sizes.attentionNames;
  const sequence = (name: string) => reshape(at, layer(rows, name), [frames, pixels, channels]);
  const parts = { query: sequence(toQuery), key: sequence(toKey), value: sequence(toValue) };
  const result = layer(reshape(at, attention(at, parts, 1), [frames * pixels, channels]), toOut);
  const back = transpose(at, reshape(at, result, [frames, pixels, channels]), [0, 2, 1]);
  return add(at, x, reshape(at, back, x.shape));
}
