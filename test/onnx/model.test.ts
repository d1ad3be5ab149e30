import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Graph } from "../../engine/onnx/graph.ts";
import { linear } from "../../engine/onnx/matmul.ts";
import { encodeModel } from "../../engine/onnx/model.ts";
import { transpose } from "../../engine/onnx/movement.ts";
import { GraphSession } from "../../engine/onnx/session.ts";
import { WeightDemands } from "../../engine/onnx/weight-demands.ts";
import { openNetworkFile } from "../../engine/seedvr2/weight-file.ts";
import { writeSafetensors, type TensorData } from "../../engine/weights/safetensors-writer.ts";
import { messages, numbers, readFields, texts, type Fields } from "./protobuf-reader.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "seedvr2-onnx-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Powers of two, exact in every type; 1,500 rows of 4, so that a product is cut into three stripes. */
const ROWS = 1500;
const codes = {
  F16: (i: number) => 0x3c00 + 1024 * (i % 4),
  F8_E4M3: (i: number) => 0x38 + 8 * (i % 4),
};
const value = (i: number) => 2 ** (i % 4);

async function fileOf(type: "F16" | "F8_E4M3", extra: readonly (readonly [string, TensorData])[] = []) {
  const path = join(folder, "w.safetensors");
  const list = Array.from({ length: ROWS * 4 }, (_, i) => codes[type](i));
  const bytes = new Uint8Array(type === "F16" ? Uint16Array.from(list).buffer : Uint8Array.from(list).buffer);
  await writeSafetensors(path, new Map([...extra, ["fc.weight", { type, shape: [ROWS, 4], bytes }]]));
  return openNetworkFile(path);
}

function productGraph(file: Awaited<ReturnType<typeof fileOf>>): Graph {
  const at: Graph = new Graph({ name: "product", weights: new WeightDemands(file) });
  at.output("y", linear(at, at.input("x", [2, 4]), "fc", { outputs: ROWS, bias: false }));
  return at;
}

describe("a written model, read by an independent reader", () => {
  it("holds versions, nodes, shapes and places of weights as the graph has them", async () => {
    const file = await fileOf("F16");
    const graph = productGraph(file);
    const model = readFields(await encodeModel(graph));
    expect(numbers(model, 1)).toEqual([11]);
    expect(messages(model, 8).map((set) => [texts(set, 1)[0], numbers(set, 2)[0]])).toEqual([
      ["", 23],
      ["com.microsoft", 1],
    ]);
    const [body] = messages(model, 7) as [Fields];
    const operators = messages(body, 1).map((node) => texts(node, 4)[0]);
    expect(operators).toEqual(["Cast", "Cast", "Cast", "Gemm", "Gemm", "Gemm", "Concat", "Identity"]);
    const shape = (info: Fields) =>
      messages(messages(messages(messages(info, 2)[0] as Fields, 1)[0] as Fields, 2)[0] as Fields, 1).map(
        (dim) => numbers(dim, 1)[0],
      );
    expect(messages(body, 11).map((input) => [texts(input, 1)[0], shape(input)])).toEqual([["x", [2, 4]]]);
    expect(messages(body, 12).map((output) => [texts(output, 1)[0], shape(output)])).toEqual([["y", [2, ROWS]]]);
  });

  it("refers to stripes of a weight by their own places in the file", async () => {
    const file = await fileOf("F16");
    const start = file.checkpoint.tensors.get("fc.weight")?.offset ?? 0;
    const [body] = messages(readFields(await encodeModel(productGraph(file))), 7) as [Fields];
    const stripes = messages(body, 5).map((tensor) => ({
      dims: numbers(tensor, 1),
      type: numbers(tensor, 2)[0],
      place: Object.fromEntries(messages(tensor, 13).map((entry) => [texts(entry, 1)[0], texts(entry, 2)[0]])),
    }));
    const stripe = (rows: number, before: number) => ({
      dims: [rows, 4],
      type: 10,
      place: { location: "w.safetensors", offset: String(start + before * 8), length: String(rows * 8) },
    });
    expect(stripes).toEqual([stripe(640, 0), stripe(640, 640), stripe(220, 1280)]);
  });

  it("writes attributes of each kind", async () => {
    const at: Graph = new Graph({ name: "attributes" });
    const x = at.input("x", [2, 3]);
    const node = at.node({
      operator: "Made",
      inputs: [transpose(at, x, [1, 0])],
      attributes: { axis: -1, eps: { float: 0.5 }, mode: "DCR" },
      shape: [3, 2],
    });
    at.output("y", node);
    const [body] = messages(readFields(await encodeModel(at)), 7) as [Fields];
    const attributes = messages(body, 1).flatMap((item) => messages(item, 5));
    expect(attributes.map((attribute) => texts(attribute, 1)[0])).toEqual(["perm", "axis", "eps", "mode"]);
    const [perm, axis, eps, mode] = attributes as [Fields, Fields, Fields, Fields];
    expect(numbers(perm, 8)).toEqual([1, 0]);
    expect(numbers(axis, 3)).toEqual([-1]);
    expect(Buffer.from(eps.get(2)?.[0] as Uint8Array).readFloatLE()).toBe(0.5);
    expect(texts(mode, 4)).toEqual(["DCR"]);
    expect(attributes.map((attribute) => numbers(attribute, 20)[0])).toEqual([7, 2, 1, 3]);
  });
});

describe("a session", () => {
  const x = { shape: [2, 4], data: Float32Array.of(1, 2, 3, 4, -1, 0, 1, 0) };
  const expected = (scale: (row: number) => number) =>
    [0, 1].flatMap((row) =>
      Array.from({ length: ROWS }, (_, out) =>
        [0, 1, 2, 3].reduce((sum, i) => sum + (x.data[row * 4 + i] ?? 0) * value(out * 4 + i) * scale(out), 0),
      ),
    );

  const scaleOf = (values: number[], shape: number[]): readonly [string, TensorData] => {
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    return ["fc.weight_scale", { type: "F32", shape, bytes }];
  };
  const rowScales = Array.from({ length: ROWS }, (_, row) => 1 + (row % 7));

  it.each<[string, () => ReturnType<typeof fileOf>, (row: number) => number]>([
    ["half precision", () => fileOf("F16"), () => 1],
    ["fp8", () => fileOf("F8_E4M3"), () => 1],
    ["fp8 with one scale", () => fileOf("F8_E4M3", [scaleOf([3], [])]), () => 3],
    ["fp8 with a scale for each row", () => fileOf("F8_E4M3", [scaleOf(rowScales, [ROWS, 1])]), (row) => 1 + (row % 7)],
  ])("multiplies with weights stored as %s, in stripes", async (_, open, scale) => {
    const session = await GraphSession.create(productGraph(await open()), {
      provider: "cpu",
      threads: 1,
      prepack: false,
    });
    try {
      const { y } = await session.run({ x });
      expect(y?.shape).toEqual([2, ROWS]);
      expect([...(y?.data ?? [])]).toEqual(expected(scale));
    } finally {
      await session.close();
    }
  });

  it("that the runtime refuses says which part of the network it was", async () => {
    const at: Graph = new Graph({ name: "odd" });
    at.output("y", at.node({ operator: "NoSuchOperator", inputs: [at.input("x", [1])], shape: [1] }));
    const create = GraphSession.create(at, { provider: "cpu", threads: 1, prepack: false });
    await expect(create).rejects.toMatchObject({ code: "provider_failed", facts: { graph: "odd", provider: "cpu" } });
  });
});
