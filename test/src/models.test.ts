import { expect, it } from "vitest";
import { listModels } from "../../engine/models/model-list.ts";
import { modelsText } from "../../src/commands/models.ts";

it("models are listed with what each is good for, in a line below it", async () => {
  const models = await listModels({ modelDirs: [], comfyFolders: [], builtinModel: "/program/builtin_x2.onnx" });
  const lines = modelsText(models, "builtin_x2.onnx").split("\n");
  expect(lines).toHaveLength(1 + 2 * models.length);
  for (const [index, { name, desc }] of models.entries()) {
    const [row = "", text = ""] = lines.slice(1 + 2 * index, 3 + 2 * index);
    expect(row.slice(2).startsWith(`${name} `)).toBe(true);
    expect(row.startsWith("*")).toBe(name === "builtin_x2.onnx");
    expect(text).toBe(`      ${desc.en}`);
  }
});
