import { conv2d, type ConvParts } from "../../onnx/conv.ts";
import { add } from "../../onnx/elementwise.ts";
import type { Graph } from "../../onnx/graph.ts";
import { concat, slice } from "../../onnx/movement.ts";
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
 * in front (seedvr2-vae.md section 2). x [frames, channels, h, w]. Written as a sum of 2-D convolutions, one for each
 * step of the kernel in time, because those run faster than one in 3-D; a single frame meets only itself, so its kernel
 * is folded over time.
 */
export function causalConv(
  at: Graph,
  x: Value,
  name: string,
  parts: { shape: CausalConvShape; time: TimeSlice },
): Value {
  const { shape, time } = parts;
  const [frames = 0, channels = 0] = x.shape;
  const [depth, kh, kw] = shape.kernel;
  const layer = at.in(name);
  const stored = [shape.outputs, channels, depth, kh, kw];
  const flat = [shape.outputs, channels, kh, kw];
  const bias = layer.computedWeights("bias", [shape.outputs], [{ shape: [shape.outputs], from: (b) => b }])[0] as Value;
  const space: Omit<ConvParts, "kernel"> = { stride: shape.stride?.[1] ?? 1, pads: shape.pads };
  const alone = time.first && frames === 1;
  if (depth === 1 || alone) {
    const [kernel] = layer.computedWeights("weight", stored, [
      { shape: flat, from: (k) => foldTime(k, depth, kh * kw) },
    ]);
    return conv2d(layer, x, { ...space, kernel: kernel as Value, bias });
  }
  const extended = withHistory(at, x, name, parts);
  const taps = Array.from({ length: depth }, (_, tap) => tap);
  const from = (tap: number) => (k: Float32Array) => timeStep(k, tap, { depth, area: kh * kw });
  const kernels = layer.computedWeights(
    "weight",
    stored,
    taps.map((tap) => ({ shape: flat, from: from(tap) })),
  );
  const step = shape.stride?.[0] ?? 1;
  const count = Math.floor(((extended.shape[0] ?? 0) - depth) / step) + 1;
  const terms = taps.map((tap) => {
    const seen = slice(layer, extended, 0, { from: tap, to: tap + (count - 1) * step + 1, step });
    const kernel = kernels[tap] as Value;
    return conv2d(layer, seen, tap === 0 ? { ...space, kernel, bias } : { ...space, kernel });
  });
  return terms.reduce((sum, term) => add(layer, sum, term));
}

/** The frames with their past in front; keeps what the next slice needs of them. */
function withHistory(at: Graph, x: Value, name: string, parts: { shape: CausalConvShape; time: TimeSlice }): Value {
  const { shape, time } = parts;
  const depth = shape.kernel[0];
  const kept = depth - (shape.stride?.[0] ?? 1);
  const past = time.first
    ? Array<Value>(depth - 1).fill(slice(at, x, 0, { from: 0, to: 1 }))
    : [historyInput(at, name, [kept, ...x.shape.slice(1)])];
  const extended = concat(at, [...past, x], 0);
  const length = extended.shape[0] ?? 0;
  if (!time.last) keep(at, name, slice(at, extended, 0, { from: length - kept, to: length }));
  return extended;
}

/** Kernels [outputs · inputs, depth, area] summed over depth. */
function foldTime(kernels: Float32Array, depth: number, area: number): Float32Array {
  if (depth === 1) return kernels;
  const folded = new Float32Array(kernels.length / depth);
  for (let to = 0, from = 0; to < folded.length; to += area, from += depth * area) {
    for (let i = 0; i < area; i++) {
      let sum = 0;
      for (let tap = 0; tap < depth; tap++) sum += kernels[from + tap * area + i] as number;
      folded[to + i] = sum;
    }
  }
  return folded;
}

/** One step in time of kernels [outputs · inputs, depth, area]. */
function timeStep(kernels: Float32Array, tap: number, { depth, area }: { depth: number; area: number }): Float32Array {
  const step = new Float32Array(kernels.length / depth);
  for (let pair = 0; pair < step.length / area; pair++) {
    const start = (pair * depth + tap) * area;
    step.set(kernels.subarray(start, start + area), pair * area);
  }
  return step;
}

/** Pointwise layer without a look at time: [outputs, channels, 1, 1, 1] in the file. */
export function pointwise(at: Graph, x: Value, name: string, outputs: number): Value {
  const shape: CausalConvShape = { outputs, kernel: [1, 1, 1], pads: [0, 0, 0, 0] };
  return causalConv(at, x, name, { shape, time: { first: true, last: true } });
}
