import { copyFile, mkdir, readdir, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { listModels, missingFiles, knownModel, shortName } from "../../engine/models/model-list.ts";
import { extraPaths, modelFolders } from "../../engine/models/model-folders.ts";
import { loadSettings } from "../../src/config.ts";
import { faultyModelFindings } from "../../src/doctor/machine.ts";
import { golden } from "../fixtures/golden-path.ts";
import { tinyModel } from "../seedvr2/tiny-models.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { sparseModel } from "./sparse-models.ts";
import { safetensorsBytes } from "../weights/checkpoint-bytes.ts";

const weights = golden("chain/chain_tiny_3b.dit.weights.safetensors");
const autoencoder = golden("chain/chain_tiny.vae.weights.safetensors");

let home: string;
beforeEach(async () => {
  home = await temporaryFolder();
});

const places = (comfyFolders: readonly string[] = [join(home, "ComfyUI")]) => ({
  ...{ modelDirs: [join(home, "models")], comfyFolders, builtinModel: "/b.onnx" },
});

async function put(source: string, ...path: readonly string[]): Promise<string> {
  const target = join(home, ...path);
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, target);
  return target;
}

async function write(text: string | Uint8Array, ...path: readonly string[]): Promise<void> {
  const target = join(home, ...path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
}

const installed = async (comfy?: readonly string[]) =>
  (await listModels(places(comfy))).filter((model) => model.installed && !model.builtin);

describe("the list of models", () => {
  it("has the contract's twelve, the built-in one, then the others that are published", async () => {
    const names = (await listModels(places())).map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(["seedvr2_ema_3b_fp16.safetensors", "seedvr2_ema_3b_fp8_e4m3fn.safetensors"]);
    expect(names[12]).toBe("builtin_x2.onnx");
    expect(names.slice(13, 15).every((name) => name.includes("mixed_block35"))).toBe(true);
    expect(names.slice(15)).toHaveLength(15);
    expect(new Set(names).size).toBe(names.length);
  });

  it("warns of plain 7B fp8 files and names the better one", async () => {
    const models = await listModels(places());
    const text = knownModel(models, "7b_sharp_fp8").desc.en;
    expect(text).toContain("seedvr2_ema_7b_sharp_fp8_e4m3fn_mixed_block35_fp16");
  });

  it.each([
    ["seedvr2_ema_3b_fp8_e4m3fn.safetensors", "3b_fp8"],
    ["seedvr2_3b_int8_convrot.safetensors", "3b_int8_convrot"],
    ["seedvr2_7b_sharp_nvfp4.safetensors", "7b_sharp_nvfp4"],
  ])("calls %s %s for short", (name, short) => {
    expect(shortName(name)).toBe(short);
  });

  it("means by a short name that two files have the one that is installed", async () => {
    await tinyModel(join(home, "models"), {
      weights: "chain/chain_tiny_3b.dit.weights.safetensors",
      prompt: ["chain/chain_tiny_3b.clip_blend.safetensors", "prompt"],
      name: "seedvr2_3b_fp16.safetensors",
    });
    expect(knownModel(await listModels(places()), "3b_fp16").name).toBe("seedvr2_3b_fp16.safetensors");
  });
});

describe("files of one network in several formats", () => {
  it("are named to each other, by what they hold, and to those that could be fetched", async () => {
    await put(weights, "models", "seedvr2_ema_3b_fp16.safetensors");
    await put(golden("storage/storage_tiny_q8_0.weights.gguf"), "models", "mine.gguf");
    const models = await listModels(places());
    const [fp16, q8] = ["seedvr2_ema_3b_fp16.safetensors", "mine.gguf"];
    expect(knownModel(models, "mine")).toMatchObject({ params: "3B", precision: "Q8", variant: null });
    expect(knownModel(models, "mine").same_network).toEqual([fp16]);
    expect(knownModel(models, fp16).same_network).toEqual([q8]);
    expect(knownModel(models, "seedvr2_ema_3b_fp8_e4m3fn").same_network).toEqual([fp16, q8]);
    expect(knownModel(models, "seedvr2_ema_3b-Q8_0").same_network).toEqual([fp16]);
    expect(knownModel(models, "builtin_x2")).not.toHaveProperty("same_network");
    expect(knownModel(models, "7b_fp8")).not.toHaveProperty("same_network");
  });

  it("need as much as the published file of their size, whatever they are called", async () => {
    await sparseModel(join(home, "models"), "my sharp.safetensors", { kind: "7B", dtype: "F16" });
    const entry = async () => knownModel(await listModels(places()), "my sharp");
    const told = { params: "7B", precision: "FP16", variant: "Sharp" };
    expect(await entry()).toMatchObject({ ...told, vram: "?" });
    // A hole behind what it holds makes it as large as the published file.
    await truncate(join(home, "models", "my sharp.safetensors"), 15.9e9);
    expect(await entry()).toMatchObject({ ...told, vram: "~24GB", size: "15.9GB" });
  });
});

describe("a ComfyUI", () => {
  it.each([
    [["models", "SEEDVR2"]],
    [["models", "seedvr2"]],
    [["models", "diffusion_models"]],
    [["models", "unet", "video"]],
  ])("has its models found in %s", async (folders) => {
    const path = await put(weights, "ComfyUI", ...folders, "seedvr2_ema_3b_fp16.safetensors");
    expect(await installed()).toMatchObject([{ path }]);
  });

  it("has its prompt embedding found where the reference keeps it, and its autoencoder where ComfyUI does", async () => {
    await put(weights, "ComfyUI", "models", "diffusion_models", "a.safetensors");
    const vae = await put(autoencoder, "ComfyUI", "models", "vae", "any-name.safetensors");
    const node = join(home, "ComfyUI", "custom_nodes", "ComfyUI-SeedVR2_VideoUpscaler");
    await mkdir(node, { recursive: true });
    await writeFile(join(node, "pos_emb.pt"), "embedding");
    const [model] = await installed();
    expect(model).toMatchObject({ runnable: true, autoencoder: vae, prompt: join(node, "pos_emb.pt") });
  });

  it("has the folders of its extra_model_paths.yaml searched, wherever they are", async () => {
    const yaml = [
      "# comment",
      "a111:",
      "  base_path: ../shared models",
      "  checkpoints: stable",
      "  SeedVR2: sr",
      "other:",
      "  diffusion_models: |",
      `    ${join(home, "first")}`,
      "    relative/second",
      "broken: [1, 2]",
    ].join("\n");
    await write(yaml, "ComfyUI", "extra_model_paths.yaml");
    const one = await put(weights, "shared models", "sr", "one.safetensors");
    const two = await put(weights, "first", "two.safetensors");
    const three = await put(weights, "ComfyUI", "relative", "second", "three.safetensors");
    expect((await installed()).map(({ path }) => path)).toEqual([one, two, three]);
    const from = (await modelFolders(places())).filter((folder) => folder.from.endsWith(".yaml"));
    expect(from).toHaveLength(3);
  });

  it.each(["", "a: [", "just text", "- list", "x:\n  base_path: 7\n  vae: {a: 1}"])(
    "names no folder with %j in that file",
    (text) => {
      expect(extraPaths(text, "/c/extra_model_paths.yaml")).toEqual([]);
    },
  );

  it("has links followed", async () => {
    const real = await put(weights, "store", "blob");
    await mkdir(join(home, "ComfyUI", "models", "SEEDVR2"), { recursive: true });
    const link = join(home, "ComfyUI", "models", "SEEDVR2", "linked.safetensors");
    await symlink(real, link);
    expect(await installed()).toMatchObject([{ path: link }]);
  });

  it("is looked through among hundreds of other models and left as it is", async () => {
    const tensors = Array.from({ length: 400 }, (_, i) => [
      `model.layers.${i}.weight`,
      { dtype: "F16", shape: [1], data_offsets: [2 * i, 2 * i + 2] },
    ]);
    const other = safetensorsBytes(Object.fromEntries(tensors), new Uint8Array(800));
    for (let i = 0; i < 500; i++) await write(other, "ComfyUI", "models", "unet", `other-${i}.safetensors`);
    await write("GGUF and more", "ComfyUI", "models", "unet", "strange.gguf");
    const path = await put(weights, "ComfyUI", "models", "unet", "seedvr2_7b_fp16.safetensors");
    expect(await installed()).toMatchObject([{ path }]);
    expect(await readdir(join(home, "ComfyUI", "models", "unet"))).toHaveLength(502);
  });

  it("has a good file found behind a faulty one of the same name", async () => {
    const faulty = "seedvr2_ema_3b_fp16.safetensors";
    await write(safetensorsBytes("no header of vid_in.proj"), "models", faulty);
    const good = await put(weights, "ComfyUI", "models", "SEEDVR2", faulty);
    await write(safetensorsBytes("another without vid_in.proj"), "ComfyUI", "models", "unet", faulty);
    expect(await installed()).toMatchObject([{ path: good }]);
    const settings = loadSettings({ MODEL_DIR: join(home, "models"), SEEDVR2_STATE_DIR: join(home, "state") });
    const told = await faultyModelFindings(settings);
    expect(told.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/models.seedvr2_ema_3b_fp16.safetensors: .*not a readable checkpoint/),
    );
  });

  it("has a file looked into again when it has changed", async () => {
    const path = await put(weights, "ComfyUI", "models", "unet", "a.safetensors");
    expect(await installed()).toHaveLength(1);
    await writeFile(path, safetensorsBytes({}));
    await utimes(path, new Date(), new Date((await stat(path)).mtimeMs + 5000));
    expect(await installed()).toEqual([]);
  });
});

describe("what is still to be fetched", () => {
  const missing = async (wanted: string) => {
    const models = await listModels(places());
    return (await missingFiles(knownModel(models, wanted), places()))?.map(({ name }) => name);
  };

  it("is model, autoencoder and prompt embedding on an empty machine", async () => {
    expect(await missing("3b_fp8")).toEqual([
      "pos_emb.pt",
      "ema_vae_fp16.safetensors",
      "seedvr2_ema_3b_fp8_e4m3fn.safetensors",
    ]);
  });

  it("is no prompt embedding where the file carries it", async () => {
    expect(await missing("3b_nvfp4")).toEqual(["ema_vae_fp16.safetensors", "seedvr2_3b_nvfp4.safetensors"]);
  });

  it("is no second autoencoder, whatever the first is called", async () => {
    await put(autoencoder, "ComfyUI", "models", "vae", "seedvr2_ema_vae_fp16.safetensors");
    expect(await missing("3b_nvfp4")).toEqual(["seedvr2_3b_nvfp4.safetensors"]);
  });

  it("is not asked for a file that cannot be read: nothing beside it would make it run", async () => {
    const path = await put(weights, "models", "seedvr2_ema_3b_fp16.safetensors");
    await truncate(path, 100_000);
    await expect(missing("3b_fp16")).rejects.toMatchObject({
      ...{ code: "not_runnable", facts: { path }, todo: expect.stringContaining(`Move ${path} elsewhere`) as string },
    });
  });

  it("is nothing for a model that can run, and cannot be said of one nobody publishes", async () => {
    await tinyModel(join(home, "models"));
    expect(await missing("3b_fp16")).toEqual([]);
    expect(await missing("builtin_x2")).toEqual([]);
  });
});
