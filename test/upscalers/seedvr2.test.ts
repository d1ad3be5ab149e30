import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Frame } from "../../engine/media/frame.ts";
import { processor } from "../../engine/onnx/device-choice.ts";
import { batchesOf } from "../../engine/pipeline/batches.ts";
import type { NoiseSource, RestorationNetworks } from "../../engine/seedvr2/restoration.ts";
import { openSeedvr2 } from "../../engine/upscalers/open-seedvr2.ts";
import { Seedvr2Upscaler } from "../../engine/upscalers/seedvr2.ts";
import { withAlpha } from "../../engine/upscalers/with-alpha.ts";
import type { LoadedModel, UpscaleSettings, Upscaler } from "../../engine/upscalers/upscaler.ts";
import { GoldenFile, type GoldenTensor } from "../../scripts/parity/golden-file.ts";
import { readGoldenFolder } from "../../scripts/parity/golden-folder.ts";
import { openAutoencoder, openTransformer } from "../../scripts/parity/networks.ts";
import { aFrame, upscalerContract } from "../contracts/upscaler-contract.ts";
import { golden } from "../fixtures/golden-path.ts";
import { tinyModel, type TinyModel } from "../seedvr2/tiny-models.ts";

const plain: UpscaleSettings = {
  ...{ batchSize: 1, overlap: 0, uniform: false, colour: "lab", seed: 1, inputNoiseScale: 0, latentNoiseScale: 0 },
  tiling: { mode: "auto", quality: "high" },
};

let folder: string;
let model: LoadedModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "seedvr2-test-"));
  const files = await tinyModel(folder);
  model = await openSeedvr2({ kind: "seedvr2", ...files, cacheDir: join(folder, "cache") }, processor, 1);
});
afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

const wholeUpscaler = async () => withAlpha(await model.upscaler(plain));
upscalerContract("SeedVR2 with tiny networks", 2, wholeUpscaler, { untrained: true });

const target = { width: 48, height: 32 };
const clipOf = (count: number): Frame[] => Array.from({ length: count }, (_, i) => aFrame(24, 16, { time: BigInt(i) }));

async function* streamed(frames: readonly Frame[]): AsyncGenerator<Frame> {
  yield* frames;
}

/** The whole clip, or what is left of it from a batch on. */
async function enlarged(upscaler: Upscaler, frames: readonly Frame[], from = 0, size = target): Promise<Frame[]> {
  const made: Frame[] = [];
  const first = Math.max(0, from - upscaler.plan.before);
  for await (const batch of batchesOf(streamed(frames.slice(first)), upscaler.plan, { first, owned: from })) {
    made.push(...(await upscaler.upscale(batch, size)));
  }
  return made;
}

describe("batches of SeedVR2", () => {
  it.each([
    [5, 0, { owned: 5, before: 0, after: 0 }],
    [5, 2, { owned: 3, before: 3, after: 5 }],
    [5, 3, { owned: 2, before: 4, after: 5 }],
    [5, 5, { owned: 5, before: 0, after: 0 }],
    [1, 0, { owned: 1, before: 0, after: 0 }],
  ])("of %i frames that share %i", async (batchSize, overlap, plan) => {
    expect((await model.upscaler({ ...plain, batchSize, overlap })).plan).toEqual(plan);
  });

  it.each([
    [5, 2, 3],
    [5, 3, 4],
  ])(
    "of %i frames that share %i give the same from frame %i on as from the start",
    async (batchSize, overlap, from) => {
      const settings = { ...plain, batchSize, overlap };
      const clip = clipOf(8);
      const whole = await enlarged(await model.upscaler(settings), clip);
      const rest = await enlarged(await model.upscaler(settings), clip, from);
      expect(whole.map(({ time }) => Number(time))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(rest).toEqual(whole.slice(from));
    },
  );
});

describe("a SeedVR2 task", () => {
  it.each([
    [{ batchSize: 21, overlap: 9 }, ["Colour correction: lab, exact."]],
    [{ batchSize: 5, overlap: 1 }, [/lab/, /blends no frame/, /nearly independent/]],
    [{ batchSize: 5, overlap: 5 }, [/lab/, /do not overlap/, /nearly independent/]],
    [{ colour: "none" as const }, ["No colour correction."]],
  ])("with %j says what is worth knowing", async (changes, expected) => {
    const { notes } = await model.upscaler({ ...plain, ...changes });
    expect(notes).toEqual(expected.map((text) => expect.stringMatching(text)));
  });

  it("says that colours went by histograms where they did", () => {
    const networks = {} as RestorationNetworks;
    const facts = { warnings: ["Look out."], colourForm: "histogram" } as const;
    const notesWith = (colour: UpscaleSettings["colour"]) =>
      new Seedvr2Upscaler(networks, {} as NoiseSource, { ...plain, colour }, facts).notes;
    expect(notesWith("lab")).toEqual(["Look out.", expect.stringContaining("lab, by histograms")]);
    expect(notesWith("wavelet")).toEqual(["Look out.", "Colour correction: wavelet, exact."]);
  });

  it("tells its stages in order, never going back", async () => {
    const upscaler = await model.upscaler(plain);
    const told: [number, string][] = [];
    const batch = { frames: [aFrame(24, 16)], owned: { start: 0, count: 1 }, first: 0 };
    await upscaler.upscale(batch, target, { onProgress: (share, stage) => told.push([share, stage]) });
    const stages = [...new Set(told.map(([, stage]) => stage))];
    expect(stages).toEqual([
      "encoding",
      ...[1, 2, 3, 4].map((n) => `transformer block ${n} of 4`),
      "decoding",
      "colour",
    ]);
    const shares = told.map(([share]) => share);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  it("says in what tiles it worked once memory has chosen them", async () => {
    const upscaler = await model.upscaler(plain);
    const batch = { frames: [aFrame(24, 16)], owned: { start: 0, count: 1 }, first: 0 };
    await upscaler.upscale(batch, { width: 448, height: 64 }, { memory: 0.4e9 });
    expect(upscaler.notes).toContain(
      "The autoencoder worked in tiles of 384 pixels that share 48, to fit into memory.",
    );
  });

  it("stops when it is told to", async () => {
    const upscaler = await model.upscaler(plain);
    const batch = { frames: [aFrame(24, 16)], owned: { start: 0, count: 1 }, first: 0 };
    await expect(upscaler.upscale(batch, target, { signal: AbortSignal.abort() })).rejects.toThrow();
  });
});

describe("a checkpoint stored as", () => {
  it.each([
    ["fp8_scaled.weights.safetensors", 0],
    ["q8_0.weights.gguf", 1],
    ["q4_k_m.weights.gguf", 1],
  ])("%s gives the same picture whenever it is opened, repacked at most once", async (stored, repacked) => {
    const weights = `storage/storage_tiny_${stored}`;
    const prompt = [`storage/storage_tiny_${stored.replace(/\.weights.*/, "")}.case1.safetensors`, "txt"] as const;
    const home = join(folder, stored);
    const cacheDir = join(home, "cache");
    const files = await tinyModel(home, { weights, prompt, name: stored });
    const made: Frame[][] = [];
    for (const batch of [1, 2].map(() => ({ frames: [aFrame(24, 16)], owned: { start: 0, count: 1 }, first: 0 }))) {
      const opened = await openSeedvr2({ kind: "seedvr2", ...files, cacheDir }, processor, 1);
      const upscaler = await opened.upscaler(plain);
      expect(upscaler.notes).toEqual(["Colour correction: lab, exact."]);
      made.push(await upscaler.upscale(batch, target));
      await opened.close();
    }
    expect(made[1]).toEqual(made[0]);
    if (repacked > 0) expect(await pictureWithoutCache(files, home)).toEqual(made[0]);
    expect(await readdir(cacheDir).catch(() => [])).toHaveLength(repacked);
  });
});

/** What becomes of the same picture where nothing can be written into the cache folder. */
async function pictureWithoutCache(files: TinyModel, home: string): Promise<Frame[]> {
  await writeFile(join(home, "file"), "");
  const opened = await openSeedvr2({ kind: "seedvr2", ...files, cacheDir: join(home, "file", "cache") }, processor, 1);
  const upscaler = await opened.upscaler(plain);
  expect(upscaler.notes[0]).toMatch(/decoded again in every part of the run.*ENOTDIR/);
  const batch = { frames: [aFrame(24, 16)], owned: { start: 0, count: 1 }, first: 0 };
  const frames = await upscaler.upscale(batch, target);
  await opened.close();
  return frames;
}

describe("the upscaler agrees with the reference from frames to frames", () => {
  it.each([
    ["chain_tiny_3b.clip_blend", 5e-2, 3e-5],
    ["chain_tiny_7b.clip_overlap", 2e-4, 3e-5],
    ["chain_tiny_7b.picture_windows", 2e-4, 3e-5],
  ])("%s", async (name, most, mean) => {
    const file = await GoldenFile.open(golden(`chain/${name}.safetensors`));
    const params = file.json("params") as Record<string, number>;
    const final = await file.tensor("final");
    const settings: UpscaleSettings = {
      ...{ ...plain, batchSize: params["batch_size"] ?? 1, overlap: params["temporal_overlap"] ?? 0 },
      ...{
        colour: params["color_correction"] as unknown as "lab",
        latentNoiseScale: params["latent_noise_scale"] ?? 0,
      },
    };
    const upscaler = new Seedvr2Upscaler(await networksOf(name, file), await noiseOf(file), settings);
    const [, height = 0, width = 0] = final.shape;
    const made = await enlarged(upscaler, framesOf(await file.tensor("frames")), 0, { width, height });
    const errors = made.flatMap(({ rgb }, frame) =>
      Array.from(rgb, (value, i) => Math.abs(value / 65535 - (final.data[frame * rgb.length + i] as number))),
    );
    expect(errors).toHaveLength(final.data.length);
    expect(Math.max(...errors.filter((error) => error > most))).toBe(-Infinity);
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(mean);
  });
});

async function networksOf(name: string, file: GoldenFile) {
  const chain = await readGoldenFolder(golden("chain"));
  const found = chain?.cases.find((one) => one.name === name);
  if (!chain?.autoencoder || !found) throw new Error(`There is no golden ${name}.`);
  return {
    transformer: await openTransformer(found.network),
    autoencoder: await openAutoencoder(chain.autoencoder),
    prompt: await file.tensor("prompt"),
  };
}

/** Noise of the golden, batch after batch. */
async function noiseOf(file: GoldenFile) {
  const latents = [await file.tensor("b0.noise"), ...(file.has("b1.noise") ? [await file.tensor("b1.noise")] : [])];
  const augmentation = file.has("b0.aug_noise") ? (await file.tensor("b0.aug_noise")).data : new Float32Array();
  let batch = 0;
  return {
    latent: () => latents[batch++]?.data ?? new Float32Array(),
    augmentation: () => augmentation,
    input: () => new Float32Array(),
  };
}

/** [T, H, W, 3] in 0 … 1, made of 8-bit values → frames. */
function framesOf({ shape, data }: GoldenTensor): Frame[] {
  const [count = 0, height = 0, width = 0] = shape;
  const length = height * width * 3;
  return Array.from({ length: count }, (_, i) => ({
    ...{ width, height, depth: 16 as const, time: BigInt(i) },
    rgb: Uint16Array.from(data.subarray(i * length, (i + 1) * length), (value) => Math.round(value * 65535)),
  }));
}
