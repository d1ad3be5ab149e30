import { silu } from "../../onnx/elementwise.ts";
import { Graph } from "../../onnx/graph.ts";
import type { GraphOptions } from "../../onnx/graph-parts.ts";
import { groupNorm } from "../../onnx/norm.ts";
import type { AutoencoderContext } from "./autoencoder-context.ts";
import { causalConv, conv3 } from "./causal-conv.ts";
import type { PictureShape } from "./encoder.ts";
import { midBlock } from "./mid-block.ts";
import { resnet } from "./resnet.ts";
import { upsample } from "./upsample.ts";

/** Latent [t, channels, h, w] → frames [T, colours, 8h, 8w], not clamped (seedvr2-vae.md section 4). */
export function decoderGraph(
  cells: PictureShape,
  context: AutoencoderContext,
  options: Omit<GraphOptions, "name">,
): Graph {
  const { sizes, settings, time } = context;
  const at: Graph = new Graph({ ...options, name: "decoder" });
  const decoder = at.in("decoder");
  const channelsDown = [...sizes.channels].reverse();
  const latent = at.input("latent", [cells.frames, sizes.latentChannels, cells.height, cells.width]);
  let x = causalConv(decoder, latent, "conv_in", { shape: conv3(channelsDown[0] ?? 0), time });
  at.trace("dec.conv_in", x);
  x = midBlock(decoder, x, context);
  at.trace("dec.mid", x);
  for (const [index, channels] of channelsDown.entries()) {
    const block = decoder.in("up_blocks", index);
    for (let i = 0; i < sizes.decoderResnets; i++) x = resnet(block.in("resnets", i), x, channels, context);
    const doublesTime = sizes.doublesTime[index];
    if (doublesTime !== undefined) x = upsample(block.in("upsamplers", 0), x, { doublesTime, time });
    at.trace(`dec.up${index}`, x);
  }
  const normed = silu(decoder, groupNorm(decoder, x, "conv_norm_out", settings));
  at.output("frames", causalConv(decoder, normed, "conv_out", { shape: conv3(sizes.colours), time }));
  return at;
}
