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
 * for each step of the kernel in time: faster than one in 3-D and without a copy of the clip. A frame's product with a step is
 * made once, for all output frames that see it there. A picture sees itself at every step, so it takes one convolution
 * with the sum of the steps. Kernels depend on weights alone: whoever loads the graph computes them once.
 */
export function causalConv(
  at: Graph,
  input: Value,
  name: string,
  { shape, time }: { shape: CausalConvShape; time: TimeSlice },
): Value {
  const type = at.productType;
  const x = cast(at, input, type);
  const [depth, kh, kw] = shape.kernel;
  const layer = at.in(name);
  const bias = layer.factor("bias", [shape.outputs]);
  const space: Omit<ConvParts, "kernel"> = { stride: shape.stride?.[1] ?? 1, pads: shape.pads };
  const kernels = layer.weight("weight", [shape.outputs, x.shape[1] ?? 0, depth, kh, kw]);
  const summed = (from: number, to: number) =>
    cast(layer, sumOver(layer, slice(layer, kernels, 2, { from, to }), 2), type);
  const whole = depth === 1 || (time.first && time.last && x.shape[0] === 1);
  if (whole) return conv2d(layer, x, { ...space, kernel: summed(0, depth), bias });
  const steps = Array.from({ length: depth }, (_, step) => summed(step, step + 1));
  const products = new Map<string, Value>();
  const product = (frame: Value, step: number) => {
    const key = `${frame.name} ${step}`;
    const known = products.get(key);
    if (known) return known;
    const kernel = steps[step] as Value;
    const made = conv2d(layer, frame, step === depth - 1 ? { ...space, kernel, bias } : { ...space, kernel });
    products.set(key, made);
    return made;
  };
  const frames = seenFrames(at, x, name, { shape, time }).map((seen) =>
    seen.map(product).reduce((sum, term) => add(layer, sum, term)),
  );
  return concat(layer, frames, 0);
}

/** For each output frame, the frame it sees at each step of the kernel; keeps what the next slice needs. */
function seenFrames(at: Graph, x: Value, name: string, parts: { shape: CausalConvShape; time: TimeSlice }): Value[][] {
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
  return Array.from({ length: count }, (_, i) => frames.slice(i * step, i * step + depth));
}

function framesIn(at: Graph, x: Value): Value[] {
  return Array.from({ length: x.shape[0] ?? 0 }, (_, i) => slice(at, x, 0, { from: i, to: i + 1 }));
}

/** Pointwise layer without a look at time: [outputs, channels, 1, 1, 1] in the file. */
export function pointwise(at: Graph, x: Value, name: string, outputs: number): Value {
  const shape: CausalConvShape = { outputs, kernel: [1, 1, 1], pads: [0, 0, 0, 0] };
  return causalConv(at, x, name, { shape, time: { first: true, last: true } });
}
