import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Graph } from "../../engine/onnx/graph.ts";
import { processorLowering, type Lowering } from "../../engine/onnx/lowering.ts";
import { linear, linearParts } from "../../engine/onnx/matmul.ts";
import { WeightDemands } from "../../engine/onnx/weight-demands.ts";
import { openNetworkFile } from "../../engine/seedvr2/weight-file.ts";
import { rotate, rotationMatrix } from "../../engine/weights/rotation.ts";
import { writeSafetensors, type TensorData } from "../../engine/weights/safetensors-writer.ts";
import { weightValues } from "../../engine/weights/weight-values.ts";
import type { Weight } from "../../engine/weights/weight.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { layerMatrix } from "../../scripts/parity/run-formats.ts";
import { golden } from "../fixtures/golden-path.ts";
import { seededRandom } from "./checkpoint-bytes.ts";
import { layerFormats, storeLayer, type LayerFormat, type Matrix } from "./format-writers.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "seedvr2-formats-"));
});
afterAll(() => rm(folder, { recursive: true }));

const converted: Lowering = { ...processorLowering, weights: "converted" };

const file = async (name: string, tensors: ReadonlyMap<string, TensorData>) => {
  const path = join(folder, `${name}.safetensors`);
  await writeSafetensors(path, tensors);
  return path;
};

function matrixOf(rows: number, columns: number): Matrix {
  const random = seededRandom(rows * columns);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return { rows, columns, values: Float32Array.from({ length: rows * columns }, normal) };
}

/** Largest difference, as a share of the largest value. */
function difference(made: ArrayLike<number>, wanted: Float32Array): number {
  expect(made).toHaveLength(wanted.length);
  const most = wanted.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
  return wanted.reduce((far, value, i) => Math.max(far, Math.abs(value - (made[i] as number)) / most), 0);
}

describe("layers in ComfyUI's formats have the values of the goldens", () => {
  // Rows 30 to 34 of 40 are there: they lie in two bands of the scales' blocks.
  it.each([
    ["int8_convrot", 256, 1e-5],
    ["int8_rows", 64, 1e-6],
    ["mxfp8", 256, 1e-6],
    ["nvfp4", 128, 1e-6],
  ])("%s", async (format, columns, aim) => {
    const path = golden("formats/comfy_weights.safetensors");
    const wanted = (await (await GoldenFile.open(path)).tensor(`${format}.rows30to34`)).data;
    const opened = await openNetworkFile(path);
    const applied = await layerMatrix(opened, format, { rows: 40, columns });
    expect(difference(applied.subarray(30 * columns, 34 * columns), wanted)).toBeLessThan(aim);
    const read = await weightValues(opened.weights.get(`${format}.weight`) as Weight);
    expect(difference(read.subarray(30 * columns, 34 * columns), wanted)).toBeLessThan(aim);
  });
});

describe("a layer stored as", () => {
  const columnsOf = (format: LayerFormat) => (format === "int8_convrot" ? 512 : 88);

  it.each(layerFormats)("%s is applied with the values it stands for, in stripes and padded sizes", async (format) => {
    const matrix = matrixOf(150, columnsOf(format));
    const { tensors, values } = storeLayer(format, "l", matrix);
    const opened = await openNetworkFile(await file(format, tensors));
    expect(difference(await layerMatrix(opened, "l", matrix), values)).toBeLessThan(5e-6);
    // As for providers that read few types: decoded before they are handed over.
    expect(difference(await layerMatrix(opened, "l", matrix, converted), values)).toBeLessThan(1e-6);
    const weight = opened.weights.get("l.weight") as Weight;
    const [, stored = 0] = weight.shape;
    const read = (await weightValues(weight)).filter((_, i) => i % stored < matrix.columns);
    expect(difference(read.subarray(0, values.length), values)).toBeLessThan(1e-6);
    expect(difference(values, matrix.values)).toBeLessThan(["nvfp4", "fp8_e5m2"].includes(format) ? 0.2 : 0.05);
  });

  it.each([4, 16, 64])("int8 rotated by %i columns too", async (group) => {
    const matrix = matrixOf(3, 128);
    const { tensors, values } = storeLayer("int8_convrot", "l", matrix, group);
    const opened = await openNetworkFile(await file(`group${group}`, tensors));
    expect(difference(await layerMatrix(opened, "l", matrix), values)).toBeLessThan(5e-6);
  });

  it("float8 under an older tool's names, with scales of activations beside it", async () => {
    const { tensors, values } = storeLayer("fp8_scaled", "l", matrixOf(6, 8));
    const one = { type: "F32" as const, shape: [], bytes: new Uint8Array(4) };
    const older = new Map([
      ["l.weight", tensors.get("l.weight") as TensorData],
      ["l.scale_weight", tensors.get("l.weight_scale") as TensorData],
      ["l.scale_input", one],
      ["l.input_scale", one],
      ["scaled_fp8", { type: "F8_E4M3" as const, shape: [2], bytes: new Uint8Array(2) }],
    ]);
    const opened = await openNetworkFile(await file("older", older));
    expect([...opened.weights.keys()]).toEqual(["l.weight"]);
    expect(difference(await layerMatrix(opened, "l", { rows: 6, columns: 8 }), values)).toBeLessThan(1e-6);
  });
});

describe("a rotated layer", () => {
  it("shares the rotation of its input with those that read the same", async () => {
    const tensors = ["a", "b"].flatMap((name) => [...storeLayer("int8_convrot", name, matrixOf(300, 256)).tensors]);
    const opened = await openNetworkFile(await file("shared", new Map(tensors)));
    const at: Graph = new Graph({ name: "shared", weights: new WeightDemands(opened) });
    const x = at.input("x", [2, 256]);
    linear(at, x, "a", { outputs: 300, bias: false });
    linearParts(at, x, "b", { outputs: 300, bias: false, count: 3 });
    expect(at.nodes.filter(({ operator }) => operator === "MatMul")).toHaveLength(1);
  });

  it("refuses to be used as it lies", async () => {
    const opened = await openNetworkFile(await file("bare", storeLayer("int8_convrot", "l", matrixOf(2, 256)).tensors));
    const at: Graph = new Graph({ name: "bare", weights: new WeightDemands(opened) });
    expect(() => at.weight("l.weight", [2, 256])).toThrow(/wants a rotated input/);
  });

  it("is turned back by the same rotation", () => {
    const values = Float32Array.from({ length: 512 }, (_, i) => i % 7);
    const turned = values.slice();
    rotate(turned, 256);
    const h = rotationMatrix(256);
    const first = h.subarray(0, 256).reduce((sum, factor, i) => sum + factor * (values[i] as number), 0);
    expect(turned[0]).toBeCloseTo(first, 4);
    rotate(turned, 256);
    expect(difference(turned, values)).toBeLessThan(1e-6);
  });
});

describe("a layer is refused by name", () => {
  type Change = (tensors: Map<string, TensorData>) => void;
  const told = (text: string): TensorData => ({ type: "U8", shape: [text.length], bytes: Buffer.from(text) });
  const marked =
    (text: string): Change =>
    (tensors) =>
      tensors.set("l.comfy_quant", told(text));
  const shaped =
    (name: string, shape: readonly number[]): Change =>
    (tensors) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const { type, bytes } = tensors.get(name) as TensorData;
      tensors.set(name, { type, shape, bytes: bytes.slice(0, size * (type === "F32" ? 4 : 1)) });
    };
  const typed =
    (name: string, type: TensorData["type"]): Change =>
    (tensors) =>
      tensors.set(name, { ...(tensors.get(name) as TensorData), type });
  const without =
    (name: string): Change =>
    (tensors) =>
      void tensors.delete(name);

  const alone: Change = (tensors) => {
    for (const name of tensors.keys()) if (name !== "l.weight") tensors.delete(name);
  };

  it.each<[string, LayerFormat, Change, RegExp]>([
    [
      "of an unknown format",
      "mxfp8",
      marked('{"format": "int3"}'),
      /format in l.comfy_quant is int3, allowed is float8/,
    ],
    ["without a format", "mxfp8", marked("{}"), /format in l.comfy_quant is undefined/],
    ["with an unknown flag", "mxfp8", marked('{"format":"mxfp8","swizzle":1}'), /flag in l.comfy_quant is swizzle/],
    [
      "with a flag of another",
      "mxfp8",
      marked('{"format":"mxfp8","convrot":true}'),
      /flag in l.comfy_quant is convrot/,
    ],
    [
      "with an unknown group",
      "int8_convrot",
      marked('{"format":"int8_tensorwise","convrot":true,"convrot_groupsize":100}'),
      /convrot_groupsize in l.comfy_quant is 100, allowed is 4, 16, 64, 256/,
    ],
    [
      "with a flag that is no truth value",
      "int8_convrot",
      marked('{"format":"int8_tensorwise","convrot":"yes"}'),
      /convrot in l.comfy_quant is yes/,
    ],
    ["with a marker that is no JSON", "mxfp8", marked("{{"), /l.comfy_quant is \{\{, allowed is a JSON object/],
    ["with a marker that is no object", "mxfp8", marked("[1]"), /l.comfy_quant is \[1\]/],
    ["with a marker of 5 kB", "mxfp8", marked(" ".repeat(5000)), /length of l.comfy_quant is 5000/],
    [
      "of codes of another type",
      "int8_rows",
      typed("l.weight", "F8_E4M3"),
      /type of l.weight is F8_E4M3, allowed is I8/,
    ],
    [
      "of bytes without a marker",
      "nvfp4",
      without("l.comfy_quant"),
      /l.weight_scale_2 is there, allowed is only beside/,
    ],
    [
      "of exponents without a marker",
      "mxfp8",
      without("l.comfy_quant"),
      /type of l.weight_scale is U8, allowed is F32/,
    ],
    ["without a scale", "mxfp8", without("l.weight_scale"), /l.weight_scale is missing/],
    ["without its second scale", "nvfp4", without("l.weight_scale_2"), /l.weight_scale_2 is missing/],
    ["without a scale a row", "int8_rows", without("l.weight_scale"), /l.weight_scale is missing/],
    [
      "with a marker of float8 alone",
      "fp8_scaled",
      without("l.weight_scale"),
      /l.weight_scale is missing, allowed is a/,
    ],
    ["of int8 codes with nothing beside them", "int8_rows", alone, /l.weight_scale is missing, allowed is a/],
    ["of bytes with nothing beside them", "nvfp4", alone, /type of l.weight is U8, allowed is F8_E4M3/],
    [
      "of int8 codes with a marker for fp8",
      "int8_rows",
      marked('{"format": "float8_e4m3fn"}'),
      /type of l.weight is I8/,
    ],
    [
      "with too few scales",
      "int8_rows",
      shaped("l.weight_scale", [3, 1]),
      /weight_scale is \[3,1\], allowed is one value or 40/,
    ],
    [
      "with scales that are not padded",
      "mxfp8",
      shaped("l.weight_scale", [64, 3]),
      /shape of l.weight_scale is \[64,3\], allowed is \[128, 4\]/,
    ],
    [
      "with codes that are not padded",
      "nvfp4",
      shaped("l.weight", [40, 40]),
      /shape of l.weight is \[40,40\], allowed is two multiples of 16/,
    ],
    [
      "rotated in other widths",
      "int8_convrot",
      shaped("l.weight", [40, 80]),
      /shape of l.weight is \[40,80\], allowed is \[rows, a multiple of 256\]/,
    ],
    ["with a marker but no weight", "int8_rows", without("l.weight"), /l.comfy_quant is without a weight/],
  ])("%s", async (_, format, change, message) => {
    const columns = format === "int8_convrot" ? 256 : 80;
    const tensors = new Map(storeLayer(format, "l", matrixOf(40, columns)).tensors);
    change(tensors);
    const path = await file("refused", tensors);
    await expect(openNetworkFile(path)).rejects.toMatchObject({
      code: "checkpoint_malformed",
      message: expect.stringMatching(message),
      facts: { file: path, field: expect.any(String), found: expect.any(String), allowed: expect.any(String) },
    });
  });
});
