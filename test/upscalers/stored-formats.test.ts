import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { lookInto } from "../../engine/models/look-into.ts";
import { processor } from "../../engine/onnx/device-choice.ts";
import { openSeedvr2 } from "../../engine/upscalers/open-seedvr2.ts";
import type { UpscaleSettings } from "../../engine/upscalers/upscaler.ts";
import { openCheckpoint } from "../../engine/weights/checkpoint.ts";
import { readBytes } from "../../engine/weights/decode.ts";
import { networkWeights } from "../../engine/weights/network-weights.ts";
import { f32Data, writeSafetensors, type TensorData } from "../../engine/weights/safetensors-writer.ts";
import type { StorageFormat } from "../../engine/weights/storage-format.ts";
import { weightValues } from "../../engine/weights/weight-values.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { aFrame } from "../contracts/upscaler-contract.ts";
import { golden } from "../fixtures/golden-path.ts";
import { layerFormats, storeLayer, type LayerFormat } from "../weights/format-writers.ts";
import { storeValues, type PlainFormat } from "../weights/number-writers.ts";

const settings: UpscaleSettings = {
  ...{ batchSize: 1, overlap: 0, uniform: false, colour: "none", seed: 1, inputNoiseScale: 0, latentNoiseScale: 0 },
  tiling: { mode: "auto", quality: "high" },
};
/** Width inside the MLPs: no multiple of 16, so that every format that pads must. */
const HIDDEN = 248;
const NAME = "seedvr2_3b.safetensors";

interface Values {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

let folder = "";
let network: ReadonlyMap<string, Values>;
let frequencies: ReadonlyMap<string, TensorData>;
let prompt: Values;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "seedvr2-stored-"));
  const checkpoint = await openCheckpoint(golden("storage/storage_tiny_fp8_scaled.weights.safetensors"));
  const weights = [...(await networkWeights(checkpoint)).values()];
  const all = await Promise.all(
    weights.map(async (weight) => [weight.name, { shape: weight.shape, values: await weightValues(weight) }] as const),
  );
  network = new Map(
    all.filter(([name]) => !name.endsWith(".freqs")).map(([name, values]) => [name, narrowed(name, values)]),
  );
  const tables = [...checkpoint.tensors.values()].filter(({ name }) => name.endsWith(".freqs"));
  frequencies = new Map(
    await Promise.all(
      tables.map(async (tensor) => {
        const { type, shape } = tensor;
        return [tensor.name, { type, shape, bytes: await readBytes(tensor) }] as const;
      }),
    ),
  );
  const { shape, data } = await (
    await GoldenFile.open(golden("storage/storage_tiny_fp8_scaled.case1.safetensors"))
  ).tensor("txt");
  prompt = { shape, values: data };
});
afterAll(() => rm(folder, { recursive: true }));

/** The MLPs of the golden network are 256 wide; these are cut. */
function narrowed(name: string, { shape, values }: Values): Values {
  const [rows = 0, columns = 0] = shape;
  if (/proj_in(_gate)?\.weight$/.test(name) && name.includes(".mlp.")) {
    return { shape: [HIDDEN, columns], values: values.slice(0, HIDDEN * columns) };
  }
  if (!name.includes(".mlp.")) return { shape, values };
  return { shape: [rows, HIDDEN], values: values.filter((_, i) => i % columns < HIDDEN) };
}

/** Formats that whole files have. */
const isPlain = (format: LayerFormat): format is PlainFormat => ["fp16", "bf16", "fp8", "fp8_e5m2"].includes(format);

/** Stored as such files are: matrices of the blocks in the format where it takes their width, all else fp16. */
function stored(format: LayerFormat): { file: Map<string, TensorData>; plain: Map<string, TensorData> } {
  const file = new Map<string, TensorData>(frequencies);
  const plain = new Map<string, TensorData>(frequencies);
  for (const [name, { shape, values }] of network) {
    const [rows = 0, columns = 0] = shape;
    const fits = format !== "int8_convrot" || columns % 256 === 0;
    if (name.startsWith("blocks.") && shape.length === 2 && fits) {
      const layer = storeLayer(format, name.replace(/\.weight$/, ""), { rows, columns, values });
      for (const [part, data] of layer.tensors) file.set(part, data);
      plain.set(name, f32Data(shape, layer.values));
    } else {
      const { data, values: rounded } = storeValues(isPlain(format) ? format : "fp16", shape, values);
      file.set(name, data);
      plain.set(name, f32Data(shape, rounded));
    }
  }
  return { file, plain };
}

const carried = (values = prompt): [string, TensorData] => [
  "positive_conditioning",
  f32Data(values.shape, values.values),
];

/** The picture that a transformer file makes of a frame, values 0 … 65535. */
async function picture(path: string, separatePrompt: string | null): Promise<ArrayLike<number>> {
  const autoencoder = golden("chain/chain_tiny.vae.weights.safetensors");
  const files = {
    kind: "seedvr2" as const,
    path,
    autoencoder,
    prompt: separatePrompt,
    cacheDir: join(folder, "cache"),
  };
  const opened = await openSeedvr2(files, processor, 1);
  const upscaler = await opened.upscaler(settings);
  const batch = { frames: [aFrame(24, 16, { depth: 16 })], owned: { start: 0, count: 1 }, first: 0 };
  const [frame] = await upscaler.upscale(batch, { width: 48, height: 32 });
  await opened.close();
  return frame!.rgb;
}

/** What the catalogue says of each. */
const told: Readonly<Record<LayerFormat, StorageFormat>> = {
  ...{
    fp16: "fp16",
    bf16: "bf16",
    fp8: "fp8",
    fp8_e5m2: "fp8",
    fp8_scaled: "fp8 scaled",
    mxfp8: "mxfp8",
    nvfp4: "nvfp4",
  },
  ...{ int8_tensor: "int8", int8_rows: "int8", int8_convrot: "int8 rotated" },
};

it.each(layerFormats)(
  "a network stored as %s makes the picture of its values in fp32, with the prompt it carries",
  async (format) => {
    const { file, plain } = stored(format);
    const [path, plainPath] = [join(folder, `${format}.safetensors`), join(folder, `${format}.plain.safetensors`)];
    await writeSafetensors(path, new Map([...file, carried()]));
    await writeSafetensors(plainPath, plain);
    const storage = told[format];
    expect(await lookInto(path)).toMatchObject({ kind: "transformer", storage, holdsPrompt: true });
    const [otherPrompt, samePrompt] = [join(folder, "other.safetensors"), join(folder, "same.safetensors")];
    const other = { shape: prompt.shape, values: prompt.values.map((value) => -value) };
    await writeSafetensors(otherPrompt, new Map([["embedding", carried(other)[1]]]));
    await writeSafetensors(samePrompt, new Map([["embedding", carried()[1]]]));
    // What lies in the file wins over a file of its own.
    const made = await picture(path, otherPrompt);
    const wanted = await picture(plainPath, samePrompt);
    const largest = Math.max(...Array.from(wanted));
    const furthest = Array.from(wanted).reduce((far, value, i) => Math.max(far, Math.abs(value - made[i]!)), 0);
    expect(furthest / largest).toBeLessThan(2e-4);
  },
);

it("a network that carries a prompt of a wrong shape says so", async () => {
  const path = join(folder, NAME);
  const wrong = { shape: [7, 10], values: new Float32Array(70) };
  await writeSafetensors(path, new Map([...stored("fp16").file, carried(wrong)]));
  await expect(picture(path, null)).rejects.toThrow(
    /shape of positive_conditioning is \[7,10\], allowed is \[L, 384\]/,
  );
});
