import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Caller } from "../../engine/engine.ts";
import { prepareSubmission } from "../../engine/local/submission.ts";
import { settingsWarning } from "../../engine/local/settings-warning.ts";
import type { MediaInfo } from "../../engine/media/media-info.ts";
import { processor } from "../../engine/onnx/device-choice.ts";
import { defaultModel, listModels, runnableModel } from "../../engine/models/model-list.ts";
import { imageParameters } from "../../engine/schemas/parameters.ts";
import { parseInput } from "../../engine/schemas/parse.ts";
import type { TaskParameters } from "../../engine/schemas/parameters.ts";
import { tinyModel } from "../seedvr2/tiny-models.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const space = vi.hoisted(() => ({ free: 1e12 }));
vi.mock("node:fs/promises", async (original) => ({
  ...(await original<object>()),
  statfs: async () => ({ bavail: space.free, bsize: 1 }),
}));

const picture: MediaInfo = {
  ...{
    kind: "picture",
    format: "png",
    width: 400,
    height: 300,
    depth: 8,
    alpha: false,
    grey: false,
    pages: 1,
    stacked: false,
  },
};

let folder: string;
let caller: Caller;
beforeEach(async () => {
  space.free = 1e12;
  folder = await temporaryFolder();
  await writeFile(join(folder, "a.png"), "x");
  caller = { outputFolder: join(folder, "out"), allowedFolders: [folder], defaultModel: null, engineSettings: {} };
});

function prepare(wish: object = {}, info: MediaInfo = picture, uploadName: string | null = null) {
  const parameters = parseInput(imageParameters, { file_path: join(folder, "a.png"), ...wish }) as TaskParameters;
  const parts = {
    probe: async () => info,
    models: () => listModels({ modelDirs: [], comfyFolders: [], builtinModel: "/program/builtin_x2.onnx" }),
    workDir: folder,
    segmentFrames: 250,
    encoders: async () => new Set(["libx264", "ffv1", "png"]),
    memory: { choice: processor, assumed: false, available: 6e9 },
  };
  return prepareSubmission({ parameters, kind: "image", caller, uploadName }, parts);
}

describe("a submission", () => {
  it("records parameters as understood, the target and where the result goes", async () => {
    expect(await prepare({ resolution: 600 })).toMatchObject({
      kind: "image",
      inputName: "a.png",
      target: { width: 800, height: 600 },
      parameters: { dit_model: "builtin_x2.onnx", resolution: 600, batch_size: 1, color_correction: "lab", seed: 42 },
      output: { folder: join(folder, "out"), path: null, format: "png", overwrite: false },
      notes: [],
    });
  });

  it("notes that the result is smaller than the source", async () => {
    expect((await prepare({ resolution: 100 })).notes).toEqual([expect.stringMatching(/smaller.*400x300 to 133x100/)]);
  });

  it.each([{ vae_tile_overlap: 32 }, { vae_tile_size: 128, vae_tile_overlap: 72 }])(
    "refuses tiles %j",
    async (wish) => {
      await expect(prepare(wish)).rejects.toMatchObject({
        code: "invalid_parameter",
        message: expect.stringContaining("at least twice the overlap"),
      });
    },
  );

  it.each([{ vae_tile_size: 500 }, { vae_tile_size: 512, vae_tile_overlap: 4 }])(
    "takes tiles of whole cells only, not %j",
    (wish) => {
      const wanted = { file_path: "/a.png", ...wish };
      expect(() => parseInput(imageParameters, wanted)).toThrow(/vae_tile_\w+ \d+ is not possible: .*a multiple of 8/);
      expect(() => parseInput(imageParameters, { ...wanted, vae_tile_size: 504, vae_tile_overlap: 0 })).not.toThrow();
    },
  );

  it("keeps an animation one", async () => {
    const gif: MediaInfo = { ...picture, format: "gif", pages: 12 };
    expect(await prepare({}, gif)).toMatchObject({ output: { format: "gif" }, frames: 12 });
  });

  it("takes an upload from wherever the engine keeps it, under its owner's name", async () => {
    caller = { ...caller, allowedFolders: [join(folder, "elsewhere"), join(folder, "out")] };
    expect(await prepare({}, picture, "holiday.png")).toMatchObject({ inputName: "holiday.png", uploaded: true });
  });

  it("is refused when the disk has no room for the result, naming both figures", async () => {
    space.free = 1e6;
    await expect(prepare({ resolution: 4000 })).rejects.toMatchObject({
      code: "disk_full",
      message: expect.stringMatching(/342 MB.*1 MB free/),
    });
  });
});

describe("a SeedVR2 model", () => {
  const list = (...modelDirs: string[]) => listModels({ modelDirs, comfyFolders: [], builtinModel: "/b.onnx" });
  const nameOf = "seedvr2_ema_3b_fp16.safetensors";

  it("can run when its autoencoder and the prompt embedding lie in a model folder too", async () => {
    const { path, autoencoder, prompt } = await tinyModel(join(folder, "models"));
    const models = await list(join(folder, "none"), join(folder, "models"));
    expect(runnableModel(models, "3b_fp16")).toMatchObject({ path, autoencoder, prompt });
    expect(models.map(({ name }) => name)).not.toContain("ema_vae_fp16.safetensors");
    expect(defaultModel(models, "3b_fp16").name).toBe(nameOf);
    expect(defaultModel(models, null).name).toBe("builtin_x2.onnx");
  });

  it("is the default where it is the recommended one", async () => {
    const { path } = await tinyModel(folder);
    await rename(path, join(folder, "seedvr2_ema_3b_fp8_e4m3fn.safetensors"));
    expect(defaultModel(await list(folder), null).name).toBe("seedvr2_ema_3b_fp8_e4m3fn.safetensors");
  });

  it("is told by its tensors, whatever it and its autoencoder are called", async () => {
    const { path, autoencoder } = await tinyModel(folder);
    await rename(path, join(folder, "mine.safetensors"));
    await rename(autoencoder, join(folder, "a.safetensors"));
    await writeFile(join(folder, "another.gguf"), "no checkpoint");
    const models = await list(folder);
    expect(models.filter(({ installed, builtin }) => installed && !builtin).map(({ name }) => name)).toEqual([
      "mine.safetensors",
    ]);
    expect(runnableModel(models, "mine")).toMatchObject({ autoencoder: join(folder, "a.safetensors") });
  });

  it.each([
    ["autoencoder", /Missing: its autoencoder \(ema_vae_fp16\.safetensors\), looked for in/],
    ["prompt", /Missing: the prompt embedding \(pos_emb\.pt or pos_emb\.safetensors\), looked for in/],
  ] as const)("says that its %s is missing", async (part, reason) => {
    const files = await tinyModel(folder);
    await rm(files[part]);
    const models = await list(folder);
    expect(models.find(({ name }) => name === nameOf)).toMatchObject({ installed: true, runnable: false });
    expect(models.find(({ name }) => name === nameOf)?.reason).toMatch(reason);
    expect(() => runnableModel(models, "3b_fp16")).toThrow(expect.objectContaining({ code: "not_runnable" }) as never);
    expect(defaultModel(models, "3b_fp16").name).toBe("builtin_x2.onnx");
  });

  it("says what is wrong with a damaged file", async () => {
    await writeFile(join(folder, nameOf), "weights");
    const [, fp8, ...others] = await list(folder);
    expect(fp8).toMatchObject({ installed: false, reason: "Not installed." });
    expect(others.every(({ installed, builtin }) => installed === builtin)).toBe(true);
    const [damaged] = await list(folder);
    expect(damaged).toMatchObject({ installed: true, runnable: false, reason: expect.stringContaining(nameOf) });
  });
});

describe("a model's name", () => {
  it.each(["builtin_x2.onnx", "builtin_x2", "BUILTIN_X2"])("may be %s", async (name) => {
    const list = await listModels({ modelDirs: [], comfyFolders: [], builtinModel: "/b.onnx" });
    expect(runnableModel(list, name).name).toBe("builtin_x2.onnx");
  });

  it("is completed by a guess when it is mistyped", async () => {
    const list = await listModels({ modelDirs: [], comfyFolders: [], builtinModel: "/b.onnx" });
    expect(() => runnableModel(list, "3b-Q4_K_N")).toThrow(/Did you mean .*Q4_K_M/);
  });
});

it("warns where a caller's settings for the engine are not those it runs with", () => {
  const running = { PORT: "8200", MODEL_DIR: "/a" };
  expect(settingsWarning(running, { PORT: "8200" })).toBeUndefined();
  expect(settingsWarning(running, { MODEL_DIR: "/b" })).toMatch(/MODEL_DIR is \/a there and \/b here.*seedvr2 stop/);
});
