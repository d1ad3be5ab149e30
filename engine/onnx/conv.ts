import { cast } from "./elementwise.ts";
import type { Graph } from "./graph.ts";
import type { FloatType, Value } from "./value.ts";

export interface ConvParts {
  readonly kernel: Value;
  readonly bias?: Value;
  /** Steps in rows and columns. */
  readonly stride?: number;
  /** Zeros above, left, below, right. */
  readonly pads?: readonly [number, number, number, number];
}

/** 2-D convolution of each picture, in the kernel's type: x [n, in, h, w], kernel [out, in, kh, kw]. */
export function conv2d(at: Graph, x: Value, { kernel, bias, stride = 1, pads = [0, 0, 0, 0] }: ConvParts): Value {
  const [n = 0, channels = 0, h = 0, w = 0] = x.shape;
  const [out = 0, into = 0, kh = 0, kw = 0] = kernel.shape;
  at.check(x.shape.length === 4 && channels === into, "Conv wants as many channels as its kernel", x, kernel);
  const rows = Math.floor((h + pads[0] + pads[2] - kh) / stride) + 1;
  const columns = Math.floor((w + pads[1] + pads[3] - kw) / stride) + 1;
  return at.node({
    operator: "Conv",
    inputs: [cast(at, x, kernel.type as FloatType), kernel, ...(bias ? [bias] : [])],
    attributes: { kernel_shape: [kh, kw], strides: [stride, stride], pads },
    shape: [n, out, rows, columns],
  });
}
