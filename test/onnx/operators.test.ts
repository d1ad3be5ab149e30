import { describe, expect, it } from "vitest";
import { attention, rotate } from "../../engine/onnx/attention.ts";
import { conv2d } from "../../engine/onnx/conv.ts";
import { geluTanh, silu } from "../../engine/onnx/elementwise.ts";
import { Graph } from "../../engine/onnx/graph.ts";
import { processorLowering, type Lowering } from "../../engine/onnx/lowering.ts";
import { depthToSpace, gatherRows, slice, sumOver } from "../../engine/onnx/movement.ts";
import { groupNorm, rmsNorm } from "../../engine/onnx/norm.ts";
import { GraphSession } from "../../engine/onnx/session.ts";
import type { Value } from "../../engine/onnx/value.ts";
import { WeightDemands, type WeightFile } from "../../engine/onnx/weight-demands.ts";
import { waves, weightsInMemory } from "./weight-fixtures.ts";

interface Operation {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
  readonly make: (at: Graph, x: Value) => Value;
  readonly weights?: WeightFile;
  readonly lowering?: Lowering;
}

async function computed({ shape, data, make, weights, lowering }: Operation): Promise<Float32Array> {
  const at: Graph = new Graph({
    name: "operation",
    ...(weights && { weights: new WeightDemands(weights) }),
    ...(lowering && { lowering }),
  });
  at.output("y", make(at, at.input("x", shape)));
  const session = await GraphSession.create(at, { provider: "cpu", threads: 1, prepack: true });
  try {
    return (await session.run({ x: { shape, data } }))["y"]?.data ?? new Float32Array();
  } finally {
    await session.close();
  }
}

function expectClose(actual: Float32Array, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 5));
}

describe("operators do what their formulae say", () => {
  const x = waves(24);

  it("silu and the tanh form of GELU", async () => {
    const run = (make: (at: Graph, v: Value) => Value) => computed({ shape: [24], data: x, make });
    expectClose(
      await run((at, v) => silu(at, v)),
      [...x].map((v) => v / (1 + Math.exp(-v))),
    );
    const inner = (v: number) => Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3);
    expectClose(
      await run((at, v) => geluTanh(at, v)),
      [...x].map((v) => 0.5 * v * (1 + Math.tanh(inner(v)))),
    );
  });

  it("RMS norm over the last axis", async () => {
    const scale = [1, 2, 3, 4];
    const y = await computed({
      shape: [6, 4],
      data: x,
      make: (at, v) => rmsNorm(at, v, at.constant(scale, [4], "F32"), 1e-5),
    });
    const row = (i: number) => x.subarray(i - (i % 4), i - (i % 4) + 4);
    const rms = (i: number) => Math.sqrt(row(i).reduce((sum, v) => sum + v * v, 0) / 4 + 1e-5);
    expectClose(
      y,
      [...x].map((v, i) => (v / rms(i)) * (scale[i % 4] ?? 0)),
    );
  });

  it("group norm, each frame by itself", async () => {
    const weights = weightsInMemory({
      "n.weight": { shape: [4], values: [1, 2, 3, 4] },
      "n.bias": { shape: [4], values: [0, 1, 0, -1] },
    });
    const make = (at: Graph, v: Value) => groupNorm(at, v, "n", { groups: 2, eps: 1e-6 });
    const y = await computed({ shape: [2, 4, 1, 3], data: x, make, weights });
    const expected = [...x].map((v, i) => {
      const group = x.subarray(i - (i % 6), i - (i % 6) + 6);
      const mean = group.reduce((sum, value) => sum + value, 0) / 6;
      const variance = group.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 6;
      const channel = Math.floor(i / 3) % 4;
      return ((v - mean) / Math.sqrt(variance + 1e-6)) * (channel + 1) + ([0, 1, 0, -1][channel] ?? 0);
    });
    expectClose(y, expected);
  });

  it("convolution with zeros right and below only", async () => {
    const make = (at: Graph, v: Value) =>
      conv2d(at, v, { kernel: at.constant([1, 10, 100, 1000], [1, 1, 2, 2], "F32"), stride: 2, pads: [0, 0, 1, 1] });
    const y = await computed({ shape: [1, 1, 3, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), make });
    expect([...y]).toEqual([5421, 603, 87, 9]);
  });

  it("movements", async () => {
    const data = Float32Array.from({ length: 8 }, (_, i) => i);
    const moved = async (shape: number[], make: (at: Graph, v: Value) => Value) => [
      ...(await computed({ shape, data, make })),
    ];
    expect(await moved([4, 2], (at, v) => gatherRows(at, v, [3, 0]))).toEqual([6, 7, 0, 1]);
    expect(await moved([8], (at, v) => slice(at, v, 0, { from: 1, to: 8, step: 3 }))).toEqual([1, 4, 7]);
    expect(await moved([2, 4], (at, v) => sumOver(at, v, 0))).toEqual([4, 6, 8, 10]);
    // Channel (y·2 + x)·2 + c of one pixel becomes pixel (y, x) of channel c.
    expect(await moved([1, 8, 1, 1], (at, v) => depthToSpace(at, v))).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
  });

  it("rotation of adjacent pairs, the same angles for each head", async () => {
    const make = (at: Graph, v: Value) => {
      const [cosines, sines] = [at.constant([0, 1, 1, 1], [2, 2], "F32"), at.constant([1, 0, 0, 0], [2, 2], "F32")];
      return rotate(at, v, { cosines, sines }, 2);
    };
    const y = await computed({ shape: [2, 8], data: Float32Array.from({ length: 16 }, (_, i) => i), make });
    expect([...y]).toEqual([-1, 0, 2, 3, -5, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });
});

describe("attention", () => {
  const [batch, rows, heads, headDim] = [2, 600, 2, 8];
  const data = waves(batch * rows * heads * headDim, 0.001);

  it.each<Lowering["attention"]>(["fused", "plain"])("in its %s form is softmax(q·kᵀ/√d)·v", async (form) => {
    const make = (at: Graph, v: Value) => attention(at, { query: v, key: v, value: v }, heads);
    const shape = [batch, rows, heads * headDim];
    const y = await computed({ shape, data, make, lowering: { ...processorLowering, attention: form } });
    const at = (b: number, row: number, i: number) => data[(b * rows + row) * heads * headDim + i] ?? 0;
    for (const [b, row, head] of [
      [0, 0, 0],
      [1, 599, 1],
      [0, 513, 1],
    ] as const) {
      const dot = (other: number) =>
        Array.from({ length: headDim }, (_, i) => at(b, row, head * headDim + i) * at(b, other, head * headDim + i));
      const scores = Array.from({ length: rows }, (_, other) =>
        Math.exp(dot(other).reduce((sum, value) => sum + value, 0) / Math.sqrt(headDim)),
      );
      const total = scores.reduce((sum, value) => sum + value, 0);
      for (let i = 0; i < headDim; i++) {
        const expected = scores.reduce(
          (sum, score, other) => sum + (score / total) * at(b, other, head * headDim + i),
          0,
        );
        expect(y[(b * rows + row) * heads * headDim + head * headDim + i]).toBeCloseTo(expected, 5);
      }
    }
  });
});
