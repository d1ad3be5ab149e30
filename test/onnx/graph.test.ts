import { describe, expect, it } from "vitest";
import { EngineError } from "../../engine/errors.ts";
import { add, silu } from "../../engine/onnx/elementwise.ts";
import { Graph } from "../../engine/onnx/graph.ts";
import { linear, matmul } from "../../engine/onnx/matmul.ts";
import { concat, reshape, slice, transpose } from "../../engine/onnx/movement.ts";
import { printGraph } from "../../engine/onnx/print-graph.ts";
import { WeightDemands } from "../../engine/onnx/weight-demands.ts";
import { weightsInMemory } from "./weight-fixtures.ts";

describe("a shape that does not fit", () => {
  const at: Graph = new Graph({ name: "block0" }).in("blocks", 0);
  const video = at.input("video", [5, 8]);
  const text = at.input("text", [4, 8]);

  it.each<[string, () => unknown]>([
    ["block0.blocks.0: Add wants shapes that fit; got video f32[5,8] and text f32[4,8]", () => add(at, video, text)],
    ["block0.blocks.0: Reshape to [3,3] wants as many values; got video f32[5,8]", () => reshape(at, video, [3, 3])],
    ["block0.blocks.0: Transpose wants each axis once; got video f32[5,8]", () => transpose(at, video, [0, 0])],
    [
      "block0.blocks.0: Slice 2:9 of axis 0 lies outside; got video f32[5,8]",
      () => slice(at, video, 0, { from: 2, to: 9 }),
    ],
    [
      "block0.blocks.0: Concat wants one type and shapes equal but for axis 1; got video f32[5,8] and text f32[4,8]",
      () => concat(at, [video, text], 1),
    ],
    [
      "block0.blocks.0: MatMul wants inner sizes to fit; got video f32[5,8] and text f32[4,8]",
      () => matmul(at, video, text),
    ],
  ])("is refused when the node is made: %s", (message, make) => {
    expect(make).toThrow(message);
  });
});

describe("weights", () => {
  it("that are missing, misshapen or superfluous are reported together", () => {
    const file = weightsInMemory({
      "blocks.0.proj.weight": { shape: [24, 8], values: [] },
      "blocks.0.stray": { shape: [1], values: [] },
    });
    const demands = new WeightDemands(file);
    const at: Graph = new Graph({ name: "g", weights: demands });
    linear(at.in("blocks", 0), at.input("x", [2, 8]), "proj", { outputs: 32, bias: true });
    let error: unknown;
    try {
      demands.check();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toMatchObject({
      code: "checkpoint_malformed",
      facts: {
        missing: ["blocks.0.proj.bias [32]"],
        misshapen: ["blocks.0.proj.weight has shape [24,8], the network needs [32,8]"],
        superfluous: ["blocks.0.stray"],
      },
    });
  });

  it("that a network knows but does not use are not superfluous", () => {
    const demands = new WeightDemands(weightsInMemory({ freqs: { shape: [1], values: [1] } }));
    demands.accept("freqs");
    expect(() => demands.check()).not.toThrow();
  });
});

describe("a printed graph", () => {
  it("has a line for each input, living node and output", () => {
    const at: Graph = new Graph({ name: "tiny" });
    const x = at.input("x", [2, 3]);
    const inner = at.in("mlp");
    add(inner, x, x); // Nobody reads it.
    at.output("y", silu(inner, x));
    expect(printGraph(at)).toBe(
      [
        "tiny",
        "in  x f32[2,3]",
        "    mlp.Sigmoid f32[2,3] = Sigmoid(x)",
        "    mlp.Mul f32[2,3] = Mul(x, mlp.Sigmoid)",
        "out y = mlp.Mul f32[2,3]",
        "",
      ].join("\n"),
    );
  });
});
