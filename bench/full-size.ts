/**
 * SeedVR2 at its true size on random weights, through the product: pictures of 640×480 with each format of 3B, and with
 * fp16 one of 1280×720 and a clip of five frames; time by stage, memory, and speed beside bare operators. Linux only.
 * `--large` instead: with fp16 the first batch of a clip to 1920×1088 at the defaults, a picture of that size, whole and in
 * tiles of 512, and a clip of 21 frames; over an hour.
 * `npx tsx bench/full-size.ts [--quick] [--seven] [--large] [--formats fp16,fp8,Q8_0,Q4_K_M,int8_convrot,mxfp8,nvfp4]`
 */
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { EngineError } from "../engine/index.ts";
import { f32Data, writeSafetensors } from "../engine/weights/safetensors-writer.ts";
import { report } from "./figures.ts";
import { fastest } from "./full-size/bare-rates.ts";
import {
  cells,
  headings,
  load,
  measureBareRates,
  measureTask,
  readThrough,
  type Measured,
} from "./full-size/measure.ts";
import { autoencoder, PROMPT_ROWS, transformers, type Work } from "./full-size/networks.ts";
import {
  formats,
  planCheckpoint,
  writeCheckpoint,
  type CheckpointPlan,
  type FormatName,
} from "./full-size/random-checkpoint.ts";
import { RandomValues } from "./full-size/random-values.ts";
import { OwnEngine } from "./own-engine.ts";

const picture: Work = { frames: 1, height: 480, width: 640 };
const larger: readonly Work[] = [
  { frames: 1, height: 720, width: 1280 },
  { frames: 5, height: 480, width: 640 },
];
const largest: readonly Work[] = [
  { frames: 5, height: 1088, width: 1920 },
  { frames: 1, height: 1088, width: 1920 },
  { frames: 1, height: 1088, width: 1920, tile: 512 },
  { frames: 21, height: 480, width: 640 },
];

/** What is measured with one checkpoint. */
interface Trial {
  readonly size: keyof typeof transformers;
  readonly format: FormatName;
  readonly file: string;
  readonly plan: CheckpointPlan;
  readonly works: readonly Work[];
}

/** What the published files' names begin and end with. */
const names: Readonly<Record<FormatName, readonly [string, string]>> = {
  fp16: ["seedvr2_ema_", "_fp16.safetensors"],
  fp8: ["seedvr2_ema_", "_fp8_e4m3fn.safetensors"],
  Q8_0: ["seedvr2_ema_", "-Q8_0.gguf"],
  Q4_K_M: ["seedvr2_ema_", "-Q4_K_M.gguf"],
  int8_convrot: ["seedvr2_", "_int8_convrot.safetensors"],
  mxfp8: ["seedvr2_", "_mxfp8.safetensors"],
  nvfp4: ["seedvr2_", "_nvfp4.safetensors"],
};

/** Disk space beside the models: pictures, clips and the engine's own files. */
const SPARE_BYTES = 1e9;

function trials(): Trial[] {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      seven: { type: "boolean", default: false },
      large: { type: "boolean", default: false },
      formats: { type: "string" },
    },
  });
  const all = Object.keys(formats) as FormatName[];
  const wanted = values.formats?.split(",") ?? (values.seven || values.large ? ["fp16"] : all);
  const unknown = wanted.find((name) => !all.includes(name as FormatName));
  if (unknown !== undefined) {
    const todo = `Formats are ${all.join(", ")}.`;
    throw new EngineError("invalid_parameter", { what: `--formats names ${JSON.stringify(unknown)}.`, todo });
  }
  const size = values.seven ? "7B" : "3B";
  return all
    .filter((format) => wanted.includes(format))
    .map((format) => ({
      ...{ size, format, file: names[format].join(size.toLowerCase()) },
      plan: planCheckpoint(transformers[size], formats[format]),
      works: values.large ? largest : [picture, ...(format !== "fp16" || values.quick || values.seven ? [] : larger)],
    }));
}

/** Says what disk space is needed, one transformer at a time being there, and refuses where it is not free. */
async function checkDisk(all: readonly Trial[], autoencoderBytes: number): Promise<void> {
  const most = Math.max(...all.map(({ plan }) => plan.bytes + plan.cacheBytes));
  const needed = most + autoencoderBytes + SPARE_BYTES;
  const { bavail, bsize } = await statfs(tmpdir());
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  const sizes = all.map(({ file, plan }) => `${file} ${gigabytes(plan.bytes + plan.cacheBytes)}`).join(", ");
  process.stdout.write(`Needs ${gigabytes(needed)} in ${tmpdir()} (${sizes}; one at a time).\n`);
  if (bavail * bsize >= needed) return;
  throw new EngineError("disk_full", {
    what: `The models need ${gigabytes(needed)} in ${tmpdir()}; ${gigabytes(bavail * bsize)} are free.`,
    todo: "Free some space, or set TMPDIR to a folder that has it.",
  });
}

/** One model written, run and removed; its tasks' figures. */
async function measureTrial(trial: Trial, folders: { models: string; cache: string }, random: RandomValues) {
  const path = join(folders.models, trial.file);
  await writeCheckpoint(path, trial.plan, random);
  const engine = await OwnEngine.make({ MODEL_DIR: folders.models, SEEDVR2_CACHE_DIR: folders.cache });
  const measured: Measured[] = [];
  try {
    const seconds = await load(engine, trial.file);
    process.stdout.write(`${trial.file}: ${seconds.toFixed(1)} s to load\n`);
    for (const work of trial.works) {
      await readThrough(path);
      const figures = await measureTask(engine, trial.file, transformers[trial.size], work);
      measured.push({ ...figures, what: `${trial.size} ${trial.format}, ${figures.what}` });
      process.stdout.write(`${measured.at(-1)?.what}: ${JSON.stringify({ ...figures.stages, ...figures.peak })}\n`);
    }
  } finally {
    await engine.end();
    await rm(path, { force: true });
    await rm(folders.cache, { recursive: true, force: true });
  }
  return measured;
}

const all = trials();
const autoencoderPlan = planCheckpoint(autoencoder, formats.fp16);
await checkDisk(all, autoencoderPlan.bytes);
const folder = await mkdtemp(join(tmpdir(), "seedvr2-full-size-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })); // after Ctrl-C too
const folders = { models: join(folder, "models"), cache: join(folder, "cache") };
await mkdir(folders.models);
const random = new RandomValues();
await writeCheckpoint(join(folders.models, "ema_vae_fp16.safetensors"), autoencoderPlan, random);
const prompt = new Float32Array(PROMPT_ROWS * 5120).map((_, i) => Math.sin(i * i));
const embedding = f32Data([PROMPT_ROWS, 5120], prompt);
await writeSafetensors(join(folders.models, "pos_emb.safetensors"), new Map([["embedding", embedding]]));
const before = await measureBareRates();
const measured: Measured[] = [];
for (const trial of all) measured.push(...(await measureTrial(trial, folders, random)));
const after = await measureBareRates();
const rates = fastest(before, after);
report(
  headings,
  measured.map((each) => cells(each, rates)),
);
const words = Object.entries(rates).map(([kind, rate]) => `${kind} ${(rate / 1e9).toFixed(0)}`);
process.stdout.write(`bare GFLOP/s: ${words.join(", ")} (the faster of before and after)\n`);
