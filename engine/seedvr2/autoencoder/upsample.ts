import { conv2d } from "../../onnx/conv.ts";
import type { Graph } from "../../onnx/graph.ts";
import { concat, depthToSpace, reshape, slice } from "../../onnx/movement.ts";
import type { Value } from "../../onnx/value.ts";
import { causalConv, conv3 } from "./causal-conv.ts";
import type { TimeSlice } from "./time-slice.ts";

/** New pixels for each old one: two rows of two. */
const SQUARE = 4;

/**
 * Doubles rows, columns and, where `doublesTime`, frames; the second frame of a clip falls away, so that 2T − 1 come out
 * (seedvr2-vae.md section 2). Channels of `upscale_conv` are read as (y, x, z, c), c fastest, z the frame of a pair.
 */
export function upsample(at: Graph, x: Value, { doublesTime, time }: { doublesTime: boolean; time: TimeSlice }): Value {
  const channels = x.shape[1] ?? 0;
  const pairs = doublesTime ? 2 : 1;
  const onlyFirst = doublesTime && time.first && x.shape[0] === 1;
  const enlarged = depthToSpace(at, upscale(at, x, pairs, onlyFirst));
  const [frames = 0, , h = 0, w = 0] = enlarged.shape;
  const inTime = reshape(at, enlarged, [onlyFirst ? frames : frames * pairs, channels, h, w]);
  const drops = doublesTime && time.first && !onlyFirst;
  return causalConv(at, drops ? withoutSecond(at, inTime) : inTime, "conv", { shape: conv3(channels), time });
}

/** The pointwise layer; of a clip of one frame only the kept frame of the pair is computed. */
function upscale(at: Graph, x: Value, pairs: number, onlyFirst: boolean): Value {
  const channels = x.shape[1] ?? 0;
  const layer = at.in("upscale_conv");
  const rows = SQUARE * pairs * channels;
  const used = onlyFirst ? 1 : pairs;
  const pick = (weight: Value, width: number) => {
    const grouped = reshape(layer, weight, [SQUARE, pairs, channels * width]);
    return slice(layer, grouped, 1, { from: 0, to: used });
  };
  const kernel = pick(layer.factor("weight", [rows, channels, 1, 1, 1]), channels);
  const bias = pick(layer.factor("bias", [rows]), 1);
  const outputs = SQUARE * used * channels;
  return conv2d(layer, x, {
    kernel: reshape(layer, kernel, [outputs, channels, 1, 1]),
    bias: reshape(layer, bias, [outputs]),
  });
}

function withoutSecond(at: Graph, x: Value): Value {
  const frames = x.shape[0] ?? 0;
  const first = slice(at, x, 0, { from: 0, to: 1 });
  return frames > 2 ? concat(at, [first, slice(at, x, 0, { from: 2, to: frames })], 0) : first;
}
