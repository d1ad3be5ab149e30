import { conv2d, type ConvParts } from "../../onnx/conv.ts";
import { add, cast } from "../../onnx/elementwise.ts";
import type { Graph } from "../../onnx/graph.ts";
import { concat, slice, sumOver } from "../../onnx/movement.ts";
import type { Value } from "../../onnx/value.ts";
import { historyInput, keep, type TimeSlice } from "./time-slice.ts";

export interface CausalConvShape {
  readonly outputs: number;
  /** Time, rows, columns. */
  readonly kernel: readonly [number, number, number];
  /** Steps in time, and in rows and columns. */
  readonly stride?: readonly [time: number, space: number];
  /** Zeros above, left, below, right. */
  readonly pads: readonly [number, number, number, number];
}

/** 3×3×3, size kept: the convolution most of the network is made of. */
export function conv3(outputs: number): CausalConvShape {
  return { outputs, kernel: [3, 3, 3], pads: [1, 1, 1, 1] };
}

/**
 * Convolution over time and space whose output frames see their own and earlier frames only: the first frame is repeated
 * in front (seedvr2-vae.md section 2). x [frames, channels, h, w]. Each output frame is a sum of 2-D convolutions, one
 * for each frame it sees: faster than one in 3-D and without a copy of the clip. Steps in time that see the same frame,
 * the repeated first one, share a kernel that is the sum of theirs; so a picture takes one convolution, not three. Kernels depend on
 * weights alone: whoever loads the graph computes them once.
 */
export function causalConv(
  at: Graph,
  input: Value,
  name: string,
  parts: { shape: CausalConvShape; time: TimeSlice },
): Value {
  const { shape } = parts;
  const type = at.productType;
  const x = cast(at, input, type);
  const channels = x.shape[1] ?? 0;
  const [depth, kh, kw] = shape.kernel;
  const layer = at.in(name);
  const bias = layer.factor("bias", [shape.outputs]);
  const space: Omit<ConvParts, "kernel"> = { stride: shape.stride?.[1] ?? 1, pads: shape.pads };
  const sums = depth === 1 ? [[{ frame: x, taps: { from: 0, to: 1 } }]] : seenFrames(at, x, name, parts);
  const kernels = layer.weight("weight", [shape.outputs, channels, depth, kh, kw]);
  const made = new Map<string, Value>();
  const kernelOf = ({ from, to }: Taps) => {
    const key = `${from}:${to}`;
    const kernel = made.get(key) ?? cast(layer, sumOver(layer, slice(layer, kernels, 2, { from, to }), 2), type);
    made.set(key, kernel);
    return kernel;
  };
  const frames = sums.map((seen) => {
    const terms = seen.map(({ frame, taps }, i) => {
      const kernel = kernelOf(taps);
      return conv2d(layer, frame, i === 0 ? { ...space, kernel, bias } : { ...space, kernel });
    });
    return terms.reduce((sum, term) => add(layer, sum, term));
  });
  return concat(layer, frames, 0);
}

/** Steps of a kernel in time, `to` excluded. */
interface Taps {
  readonly from: number;
  readonly to: number;
}

/** A frame and the steps of the kernel that meet it. */
interface Seen {
  readonly frame: Value;
  readonly taps: Taps;
}

/** For each output frame, what it sees; keeps what the next slice needs. */
function seenFrames(at: Graph, x: Value, name: string, parts: { shape: CausalConvShape; time: TimeSlice }): Seen[][] {
  const { shape, time } = parts;
  const [depth] = shape.kernel;
  const step = shape.stride?.[0] ?? 1;
  const own = framesIn(at, x);
  const [first] = own as [Value];
  const kept = depth - step;
  const past = time.first
    ? Array<Value>(depth - 1).fill(first)
    : framesIn(at, cast(at, historyInput(at, name, [kept, ...x.shape.slice(1)]), at.productType));
  const frames = [...past, ...own];
  if (!time.last) keep(at, name, concat(at, frames.slice(-kept), 0));
  const count = Math.floor((frames.length - depth) / step) + 1;
  return Array.from({ length: count }, (_, i) => {
    const window = frames.slice(i * step, i * step + depth);
    return [...new Set(window)].map((frame) => ({
      frame,
      // What is repeated stands one behind the other.
      taps: { from: window.indexOf(frame), to: window.lastIndexOf(frame) + 1 },
    }));
  });
}

function framesIn(at: Graph, x: Value): Value[] {
  return Array.from({ length: x.shape[0] ?? 0 }, (_, i) => slice(at, x, 0, { from: i, to: i + 1 }));
}

/** Pointwise layer without a look at time: [outputs, channels, 1, 1, 1] in the file. */
export function pointwise(at: Graph, x: Value, name: string, outputs: number): Value {
  const shape: CausalConvShape = { outputs, kernel: [1, 1, 1], pads: [0, 0, 0, 0] };
  return causalConv(at, x, name, { shape, time: { first: true, last: true } });
}
