import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planTask } from "../../engine/local/plan-task.ts";
import { prepareSubmission, type Wish } from "../../engine/local/submission.ts";
import type { ClipInfo, MediaInfo, PictureInfo } from "../../engine/media/media-info.ts";
import { listModels } from "../../engine/models/model-list.ts";
import { processor } from "../../engine/onnx/device-choice.ts";
import { memoryHere } from "../../engine/pipeline/memory-plan.ts";
import { planParameters, type TaskParameters } from "../../engine/schemas/parameters.ts";
import { parseInput } from "../../engine/schemas/parse.ts";
import type { Task } from "../../engine/tasks/task.ts";
import { aSubmission } from "../contracts/task-store-contract.ts";
import { golden } from "../fixtures/golden-path.ts";
import { sparseModel } from "../models/sparse-models.ts";

const fp16 = (kind: string) => `seedvr2_ema_${kind}_fp16.safetensors`;
const picture = {
  ...{ kind: "picture", format: "png", width: 480, height: 270, depth: 8, alpha: false },
  ...{ grey: false, pages: 1, stacked: false },
} as PictureInfo;
const clip = {
  ...{ kind: "clip", width: 480, height: 270, frames: 100, depth: 8, alpha: false, pixelFormat: "yuv420p" },
  ...{ colour: {}, fields: "progressive" },
} as unknown as ClipInfo;

let folder: string;
/** A folder with 7B and 3B in fp16 and all that they need. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "seedvr2-test-"));
  await sparseModel(folder, fp16("7b"), { kind: "7B", dtype: "F16" });
  await sparseModel(folder, fp16("3b"), { kind: "3B", dtype: "F16" });
  await copyFile(golden("chain/chain_tiny.vae.weights.safetensors"), join(folder, "ema_vae_fp16.safetensors"));
  await writeFile(join(folder, "pos_emb.pt"), "x");
  await writeFile(join(folder, "a.png"), "x");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Here {
  readonly info?: MediaInfo;
  readonly gigabytes?: number;
  readonly modelDirs?: readonly string[];
  readonly completed?: readonly Task[];
}

function asked(parameters: object, { info = picture, gigabytes = 30, modelDirs = [folder], completed = [] }: Here) {
  const wish: Wish = {
    parameters: parseInput(planParameters, { file_path: join(folder, "a.png"), ...parameters }) as TaskParameters,
    caller: { outputFolder: folder, allowedFolders: [folder], defaultModel: null, engineSettings: {} },
    ...{ kind: null, uploadName: null },
  };
  const parts = {
    probe: async () => info,
    models: () => listModels({ modelDirs, comfyFolders: [], builtinModel: "/program/builtin_x2.onnx" }),
    memory: { choice: processor, assumed: true, available: gigabytes * 1e9 },
    completed: async () => completed,
    ...{ workDir: folder, segmentFrames: 250, encoders: async () => new Set(["libx264", "ffv1", "png"]) },
  };
  return { wish, parts };
}

const plan = (parameters: object, here: Here = {}) => {
  const { wish, parts } = asked(parameters, here);
  return planTask(wish, parts);
};
const submit = (parameters: object, here: Here = {}) => {
  const { wish, parts } = asked(parameters, here);
  return prepareSubmission(wish, parts);
};

/** Gigabytes that a task needs where there is no end of them, so that no test depends on the model's constants. */
async function needed(parameters: object, info: MediaInfo = clip): Promise<number> {
  return (await plan(parameters, { info, gigabytes: 1e6 })).needed_bytes / 1e9;
}
const between = (a: number, b: number) => (a + b) / 2;

describe("a plan", () => {
  it("says what a picture becomes, with what, how, and what that needs", async () => {
    const made = await plan({ resolution: 1080 });
    expect(made).toMatchObject({
      ...{ kind: "image", model: fp16("7b"), width: 1920, height: 1080, frames: 1, batch_size: 1 },
      ...{ tiles: null, fits: true, available_bytes: 30e9, device: "cpu", suggestions: [] },
      prompt: { source: "separate", path: join(folder, "pos_emb.pt") },
      ...{ expected_seconds: null, time_from: "not measured yet" },
    });
    expect(made.needed_bytes).toBeGreaterThan(1e9);
    expect(made.weights_bytes).toBeGreaterThan(1e8);
    expect(made.summary).toMatch(/^seedvr2_ema_7b_fp16\.safetensors makes 1920x1080, without tiles\. Chosen because/);
    expect(made.notes).toEqual([expect.stringContaining("until then the processor is assumed")]);
  });

  it("takes the best that fits, down to the built-in model, and says why", async () => {
    const batch_size = 61;
    const large = await needed({ dit_model: "7b_fp16", batch_size, vae_tile_size: 384 });
    const small = await needed({ dit_model: "3b_fp16", batch_size, vae_tile_size: 384 });
    const best = (gigabytes: number) => plan({ dit_model: "best", batch_size }, { info: clip, gigabytes });
    expect(await best(large + 1)).toMatchObject({ model: fp16("7b"), fits: true, suggestions: [] });
    const next = await best(between(large, small));
    expect(next).toMatchObject({ model: fp16("3b"), fits: true, suggestions: [] });
    expect(next.reason).toMatch(/of those that can run here and fit.*7b_fp16\.safetensors would need about \d+ GB/);
    const last = await best(small - 0.5);
    expect(last).toMatchObject({ model: "builtin_x2.onnx", fits: true });
    expect(last.suggestions.map(({ parameters }) => parameters)).toEqual([
      { batch_size: expect.any(Number), dit_model: fp16("7b") },
      { resolution: expect.any(Number), dit_model: fp16("7b") },
    ]);
    expect(last.reason).toMatch(/no SeedVR2 model that can run here fits.*7b_fp16.*3b_fp16/);
  });

  it("takes the model that is named, also where it does not fit", async () => {
    const wish = { dit_model: "3b_fp16", batch_size: 61 };
    for (const [gigabytes, fits] of [
      [1e6, true],
      [2, false],
    ] as const) {
      expect(await plan(wish, { info: clip, gigabytes })).toMatchObject({
        model: fp16("3b"),
        fits,
        reason: expect.stringMatching(/named/),
      });
    }
  });

  it("takes the built-in model where no other can run, and says how to get one", async () => {
    const made = await plan({}, { modelDirs: [] });
    expect(made).toMatchObject({ model: "builtin_x2.onnx", prompt: null, weights_bytes: 0, fits: true });
    expect(made.reason).toContain("models pull");
  });

  it("chooses tiles that fit, the largest first", async () => {
    const whole = await needed({ dit_model: "3b_fp16" });
    const sides: number[] = [];
    for (const share of [1.01, 0.9, 0.5, 0.3]) {
      const gigabytes = share * whole;
      const made = await plan({ dit_model: "3b_fp16" }, { info: clip, gigabytes });
      expect(made).toMatchObject({ fits: true, batch_size: 5 });
      expect(made.needed_bytes).toBeLessThanOrEqual(gigabytes * 1e9);
      sides.push(made.tiles?.side ?? Infinity);
    }
    expect(sides).toEqual([...sides].sort((a, b) => b - a));
    expect(sides[0]).toBe(Infinity);
    expect(new Set(sides).size).toBeGreaterThan(2);
  });

  it("knows the time from what this machine did with the model", async () => {
    const submission = aSubmission({ target: { width: 1920, height: 1080 }, frames: 1 });
    const parameters = { ...submission.parameters, dit_model: fp16("3b") };
    const completed = [{ ...submission, parameters, worked: 60_000 } as unknown as Task];
    const known = await plan({ dit_model: "3b_fp16" }, { completed });
    expect(known).toMatchObject({ expected_seconds: 60, time_from: "measured here" });
    expect(known.summary).toContain("about 60 s, as measured here");
    const other = await plan({ dit_model: "7b_fp16" }, { completed });
    expect(other).toMatchObject({ expected_seconds: null, time_from: "not measured yet" });
  });

  it.each([
    ["a codec its container does not take", { output_format: "webm", codec: "h264" }, /h264 is not possible in webm/],
    ["a codec the ffmpeg here has not", { codec: "hevc" }, /cannot encode hevc/],
    ["a preset its codec has not", { preset: "sideways" }, /preset sideways is not possible/],
  ])("is refused as the submission is with %s", async (_what, parameters, message) => {
    for (const ask of [plan, submit]) {
      const refused = ask({ dit_model: "builtin_x2", ...parameters }, { info: clip });
      await expect(refused).rejects.toThrow(message);
      await expect(refused).rejects.toMatchObject({ code: "invalid_parameter" });
    }
  });

  it("can be made with a model that is not installed, and says so", async () => {
    const made = await plan({ dit_model: "7b_fp16" }, { modelDirs: [] });
    expect(made.weights_bytes).toBe(16.5e9);
    expect(made.notes[0]).toContain("not installed");
  });

  it.each([
    ["vae_tiling off", { vae_tiling: "off" }, { vae_tiling: "auto" }],
    ["too large tiles", { vae_tile_size: 2048 }, { vae_tile_size: null }],
    [
      "too large tiles of a wished overlap",
      { vae_tile_size: 2048, vae_tile_overlap: 64 },
      { vae_tile_size: null, vae_tile_overlap: null },
    ],
  ])("suggests tiles of its own choice instead of %s", async (_what, parameters, changes) => {
    const wish = { dit_model: "3b_fp16", batch_size: 5, ...parameters };
    const gigabytes = (await needed(wish)) / 2;
    const made = await plan(wish, { info: clip, gigabytes });
    expect(made).toMatchObject({ fits: false, suggestions: [{ parameters: changes }] });
    expect(made.suggestions[0]!.text).toMatch(/in tiles of \d+ pixels, it needs about \d+(\.\d)? GB\.$/);
    expect(made.summary).toMatch(/ GB can be had: it does not fit.* it needs about/);
    expect(await plan({ ...wish, ...changes }, { info: clip, gigabytes })).toMatchObject({ fits: true });
  });

  it("suggests, where tiles do not help, a smaller batch, result or model, each of which fits", async () => {
    const wish = { dit_model: "7b_fp16", resolution: 2160, batch_size: 45 };
    const tiled = (batch_size: number) => needed({ ...wish, batch_size, vae_tile_size: 384 });
    const gigabytes = between(await tiled(9), await tiled(13));
    const made = await plan(wish, { info: clip, gigabytes });
    expect(made.fits).toBe(false);
    const changes = made.suggestions.map(({ parameters }) => parameters);
    expect(changes[0]).toEqual({ batch_size: 9 });
    expect(changes[1]).toEqual({ resolution: expect.any(Number) });
    expect(changes.at(-1)).toEqual({ dit_model: "builtin_x2.onnx" });
    for (const { parameters, needed_bytes } of made.suggestions) {
      const again = await plan({ ...wish, ...parameters }, { info: clip, gigabytes });
      expect(again).toMatchObject({ fits: true, needed_bytes });
    }
  });
});

describe("for a clip whose frames would be nearly independent, a plan", () => {
  const wish = { dit_model: "3b_fp16" };
  const asksFor = async (parameters: object, here: Here) => {
    const made = await plan({ ...wish, ...parameters }, { info: clip, ...here });
    return made.suggestions.map(({ parameters: changes }) => changes);
  };

  const of = (frames: number): Here => ({ info: { ...clip, frames } as ClipInfo, gigabytes: 1e6 });

  it("suggests the largest batch that fits, as long as the others of the clip", async () => {
    const tiled = (batch_size: number) => needed({ ...wish, batch_size, vae_tile_size: 384 });
    expect(await asksFor({}, of(100))).toEqual([{ batch_size: 37 }]); // 37, 37 and 26
    expect(await asksFor({}, of(46))).toEqual([{ batch_size: 25 }]);
    const made = await plan(wish, { info: clip, gigabytes: between(await tiled(21), await tiled(25)) });
    expect(made.suggestions).toMatchObject([{ parameters: { batch_size: 21 } }]);
    expect(made.summary).toMatch(
      / For steadier frames, at more time for each: with batch_size 21, in tiles of 384 pixels, /,
    );
    expect(await asksFor({}, { gigabytes: (await tiled(21)) - 0.1 })).toEqual([]);
  });

  it("suggests an overlap that blends in place of one that cuts or is too long", async () => {
    for (const temporal_overlap of [2, 30]) {
      expect(await asksFor({ temporal_overlap }, of(100))).toEqual([{ batch_size: 37, temporal_overlap: 5 }]);
    }
    expect(await asksFor({ temporal_overlap: 9, batch_size: 13 }, of(100))).toEqual([{ batch_size: 41 }]);
  });

  it("counts prepended frames, and all frames of a clip of which a preview is wished", async () => {
    expect(await asksFor({ prepend_frames: 5, temporal_overlap: 2 }, of(20))).toEqual([{ batch_size: 25 }]);
    expect(await asksFor({ preview_frames: 10 }, of(80))).toEqual([{ batch_size: 41 }]);
  });

  it("suggests no batch longer than the clip, and none where that gains nothing", async () => {
    expect(await asksFor({}, of(30))).toEqual([{ batch_size: 33 }]);
    expect(await asksFor({}, of(13))).toEqual([]);
    for (const batch_size of [1, 17]) expect(await asksFor({ batch_size }, { gigabytes: 1e6 })).toEqual([]);
    expect(await asksFor({}, { info: picture })).toEqual([]);
  });
});

describe("on a GPU", () => {
  const gpu = { provider: "cuda", index: 1, attention: "fused", arithmetic: "fp16", memory: 1e9 } as const;

  it("a plan is made with its memory, one block's weights included", async () => {
    const { wish, parts } = asked({ dit_model: "7b_fp16", vae_tile_size: 384, batch_size: 45 }, { info: clip });
    const memory = memoryHere(gpu);
    expect(memory).toMatchObject({ assumed: false, available: 1e9 });
    const made = await planTask(wish, { ...parts, memory });
    expect(made).toMatchObject({ device: "cuda:1", available_bytes: 1e9, fits: false, notes: [] });
    expect(made.needed_bytes).toBeGreaterThan((await planTask(wish, parts)).needed_bytes);
  });
});

describe("a submission", () => {
  const wish = { dit_model: "3b_fp16", resolution: 1080, output_format: "mp4" };
  const here = { info: clip };

  it.each([
    ["tiles switched off", { vae_tiling: "off" }],
    ["tiles that are too large", { vae_tile_size: 2048 }],
    ["a batch that no tiles can help", { batch_size: 801 }],
  ])("is refused with %s, naming what it needs, what there is and what fits", async (_what, parameters) => {
    const gigabytes = (await needed({ ...wish, batch_size: 5, ...parameters })) / 2;
    await expect(submit({ ...wish, ...parameters }, { ...here, gigabytes })).rejects.toMatchObject({
      code: "does_not_fit",
      message: expect.stringMatching(
        /needs about \d+ GB of memory, and there are \d+ GB.*it needs about \d+(\.\d)? GB\./,
      ),
      facts: { available_bytes: gigabytes * 1e9, suggestions: expect.arrayContaining([expect.anything()]) },
    });
  });

  it("is taken where tiles make it fit by themselves", async () => {
    const gigabytes = (await needed({ ...wish, vae_tiling: "off" })) / 2;
    await expect(submit({ ...wish, vae_tiling: "off" }, { ...here, gigabytes })).rejects.toThrow();
    expect((await submit(wish, { ...here, gigabytes })).target).toEqual({ width: 1920, height: 1080 });
  });

  it("with the built-in model is never refused for memory", async () => {
    const taken = await submit({ dit_model: "builtin_x2", vae_tiling: "off", resolution: 4320 }, { gigabytes: 1 });
    expect(taken.parameters.dit_model).toBe("builtin_x2.onnx");
  });
});
