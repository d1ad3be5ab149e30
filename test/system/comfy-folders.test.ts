import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { tinyModel } from "../seedvr2/tiny-models.ts";
import { safetensorsBytes } from "../weights/checkpoint-bytes.ts";
import { TestMachine } from "./program.ts";

it("models lists what lies in a ComfyUI among 500 other files, and says nothing of those", async () => {
  const machine = await TestMachine.make();
  const comfy = join(machine.folder, "ComfyUI");
  machine.env["COMFYUI_PATH"] = comfy;
  const folder = join(comfy, "models", "diffusion_models");
  await mkdir(folder, { recursive: true });
  const other = safetensorsBytes(
    { "model.weight": { dtype: "F16", shape: [4], data_offsets: [0, 8] } },
    Buffer.alloc(8),
  );
  for (let i = 0; i < 500; i++) await writeFile(join(folder, `other-${i}.safetensors`), other);
  const { path } = await tinyModel(join(folder, "SeedVR2"));
  const { code, stdout, stderr } = await machine.run(["models"]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const lines = stdout.split("\n");
  expect(lines.filter((line) => line.includes("other-"))).toEqual([]);
  expect(lines.filter((line) => /\bready\b/.test(line))).toEqual([
    expect.stringContaining("seedvr2_ema_3b_fp16.safetensors"),
    expect.stringContaining("builtin_x2.onnx"),
  ]);
  const json = await machine.run(["models", "--json"]);
  const entries = json.stdout.trim().split("\n");
  expect(JSON.parse(entries[0] ?? "")).toMatchObject({ name: "seedvr2_ema_3b_fp16.safetensors", path, runnable: true });
});
