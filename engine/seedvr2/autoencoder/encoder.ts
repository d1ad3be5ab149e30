import { silu } from "../../onnx/elementwise.ts";
import { Graph } from "../../onnx/graph.ts";
import type { GraphOptions } from "../../onnx/graph-parts.ts";
import { slice } from "../../onnx/movement.ts";
import { groupNorm } from "../../onnx/norm.ts";
import type { Value } from "../../onnx/value.ts";
import type { AutoencoderContext } from "./autoencoder-context.ts";
import { causalConv, conv3, type CausalConvShape } from "./causal-conv.ts";
import { midBlock } from "./mid-block.ts";
import { resnet } from "./resnet.ts";

export interface PictureShape {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** Frames [T, colours, H, W] in −1 … 1 → mean of the latent [t, channels, H/8, W/8] (seedvr2-vae.md section 3). */
export function encoderGraph(
  picture: PictureShape,
  context: AutoencoderContext,
  options: Omit<GraphOptions, "name">,
): Graph {
  const { sizes, settings, time } = context;
  const at: Graph = new Graph({ ...options, name: "encoder" });
  const encoder = at.in("encoder");
  const frames = at.input("frames", [picture.frames, sizes.colours, picture.height, picture.width]);
  let x = causalConv(encoder, frames, "conv_in", { shape: conv3(sizes.channels[0] ?? 0), time });
  at.trace("enc.conv_in", x);
  for (const [index, channels] of sizes.channels.entries()) {
    x = downBlock(encoder.in("down_blocks", index), x, { channels, halvesTime: sizes.halvesTime[index] }, context);
    at.trace(`enc.down${index}`, x);
  }
  x = midBlock(encoder, x, context);
  at.trace("enc.mid", x);
  const normed = silu(encoder, groupNorm(encoder, x, "conv_norm_out", settings));
  const moments = causalConv(encoder, normed, "conv_out", { shape: conv3(2 * sizes.latentChannels), time });
  at.output("latent", slice(encoder, moments, 1, { from: 0, to: sizes.latentChannels }));
  return at;
}

interface DownBlock {
  readonly channels: number;
  /** Nothing where the block has no downsampler. */
  readonly halvesTime: boolean | undefined;
}

function downBlock(at: Graph, input: Value, { channels, halvesTime }: DownBlock, context: AutoencoderContext): Value {
  let x = input;
  for (let i = 0; i < context.sizes.encoderResnets; i++) x = resnet(at.in("resnets", i), x, channels, context);
  if (halvesTime === undefined) return x;
  // Zeros right and below only.
  const shape: CausalConvShape = {
    outputs: channels,
    kernel: [halvesTime ? 3 : 1, 3, 3],
    stride: [halvesTime ? 2 : 1, 2],
    pads: [0, 0, 1, 1],
  };
  return causalConv(at.in("downsamplers", 0), x, "conv", { shape, time: context.time });
}
