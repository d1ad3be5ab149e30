import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bestFirst } from "../../engine/models/best-first.ts";
import { lookInto } from "../../engine/models/look-into.ts";
import { modelShape, type ModelShape } from "../../engine/models/model-shape.ts";
import { listModels } from "../../engine/models/model-list.ts";
import { golden } from "../fixtures/golden-path.ts";
import { tinyModel } from "../seedvr2/tiny-models.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const model = (dim: number, storage: ModelShape["storage"], variant: string | null = null, bytes = 1) => ({
  shape: { dim, storage, bytes, plain: false, mlp: "gelu", blocks: [] } satisfies ModelShape,
  variant,
});

it("the best model is the larger one, plain before sharp, stored with the least loss", () => {
  const order = [
    model(3072, "fp16"),
    ...(["Q8_0", "int8", "mxfp8", "Q6_K", "fp8 mixed", "Q5_K", "fp8", "Q4_K"] as const).map((s) => model(3072, s)),
    model(3072, "fp16", "Sharp"),
    model(2560, "fp16"),
    model(2560, "Q4_K"),
  ];
  expect([...order].reverse().sort(bestFirst)).toEqual(order);
});

it("of formats that keep as much, the smaller file is better, and of such the one computed with sooner", () => {
  const order = [
    model(3072, "int8 rotated", null, 1),
    model(3072, "Q8_0", null, 1),
    model(3072, "Q8_0", null, 2),
    model(3072, "mxfp8", null, 1),
    model(3072, "mxfp8", null, 2),
    model(3072, "fp8 scaled", null, 2),
    model(3072, "Q4_K", null, 1),
    model(3072, "nvfp4", null, 1),
  ];
  expect([...order].reverse().sort(bestFirst)).toEqual(order);
});

it("the order is that of the README's table, where figures differ by over a decibel", async () => {
  const readme = await readFile(join(import.meta.dirname, "../../README.md"), "utf8");
  const rows: readonly [RegExp, ModelShape["storage"]][] = [
    [/^fp16$/, "fp16"],
    [/^fp8 e4m3, all/, "fp8"],
    [/^fp8 e4m3, one scale/, "fp8 scaled"],
    [/^Q8_0$/, "Q8_0"],
    [/^Q4_K$/, "Q4_K"],
    [/^int8, a scale a row$/, "int8"],
    [/^int8, a scale a row, rotated$/, "int8 rotated"],
    [/^mxfp8$/, "mxfp8"],
    [/^nvfp4$/, "nvfp4"],
  ];
  const table = readme.slice(readme.indexOf("What a storage type costs"));
  const lines = table.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  const measured = rows.map(([words, storage]) => {
    const cells = lines.find(([, name = ""]) => words.test(name)) ?? [];
    return { storage, lowest: Math.min(...cells.slice(2, 6).map(Number)) };
  });
  for (const { storage, lowest } of measured) {
    expect(lowest, storage).toBeGreaterThan(0);
    for (const other of measured.filter((row) => row.lowest < lowest - 1)) {
      const [a, b] = [model(3072, storage, null, 2), model(3072, other.storage, null, 1)];
      expect(bestFirst(a, b), `${storage} before ${other.storage}`).toBeLessThan(0);
    }
  }
});

describe("the storage of a checkpoint", () => {
  it.each([
    ["chain/chain_tiny_3b.dit.weights.safetensors", "fp16"],
    ["storage/storage_tiny_q8_0.weights.gguf", "Q8_0"],
    ["storage/storage_tiny_q4_k_m.weights.gguf", "Q4_K"],
    ["storage/storage_tiny_fp8_scaled.weights.safetensors", "fp8 scaled"],
    ["storage/storage_tiny_q5_k.weights.gguf", "Q5_K"],
    ["dit/dit_tiny_7b.weights.safetensors", "fp32"],
  ])("in %s is told by its tensors: %s", async (file, storage) => {
    expect(await lookInto(golden(file))).toMatchObject({ kind: "transformer", storage });
  });
});

describe("the shape of a model", () => {
  const list = async (folder: string) => listModels({ modelDirs: [folder], comfyFolders: [], builtinModel: "/b.onnx" });

  it("is its file's where it is installed, with what is mapped beside it", async () => {
    const folder = join(await temporaryFolder(), "models");
    await tinyModel(folder);
    const [installed] = await list(folder);
    const shape = await modelShape(installed!);
    expect(shape).toMatchObject({ storage: "fp16", plain: false, blocks: expect.any(Array) });
    expect(shape!.dim).toBeLessThan(1000);
    expect(shape!.bytes).toBeGreaterThan(100_000);
  });

  it("is the published one where it is not, and none for the built-in model", async () => {
    const models = await list(await temporaryFolder());
    const shapes = await Promise.all(models.map(modelShape));
    expect(shapes[0]).toMatchObject({ dim: 2560, bytes: 6.9e9 });
    expect(shapes[4]).toMatchObject({ dim: 3072, mlp: "gelu" });
    expect(shapes[12]).toBeNull();
  });
});
