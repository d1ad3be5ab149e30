/**
 * The memory model (engine/upscalers/memory-model.ts) beside measured peaks: stages of SeedVR2 at their true size on
 * random weights, each in a process of its own. Linux only; needs 8 GB of disk and 8 GB of memory.
 * `npx tsx bench/memory-model.ts`
 */
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { execa } from "execa";
import { processor } from "../engine/onnx/device-choice.ts";
import { BASE, memoryNeed, type MemoryNeed } from "../engine/upscalers/memory-model.ts";
import { workerEnvironment } from "../src/config.ts";
import { report } from "./figures.ts";
import { autoencoder, transformers } from "./full-size/networks.ts";
import { formats, planCheckpoint, writeCheckpoint } from "./full-size/random-checkpoint.ts";
import { RandomValues } from "./full-size/random-values.ts";
import { peakBelow } from "./processes.ts";

type Stage = keyof Pick<MemoryNeed, "encode" | "transformer" | "decode">;
type Configuration = readonly [stage: Stage, width: number, height: number, frames: number, tile: number];

const configurations: readonly Configuration[] = [
  ["encode", 640, 480, 1, 0],
  ["encode", 1280, 720, 1, 0],
  ["encode", 256, 256, 5, 0],
  ["encode", 384, 384, 5, 0],
  ["encode", 640, 480, 5, 384],
  ["decode", 512, 512, 1, 0],
  ["decode", 640, 480, 1, 0],
  ["decode", 1280, 720, 1, 0],
  ["decode", 1280, 720, 1, 640],
  ["decode", 256, 256, 5, 0],
  ["decode", 384, 384, 5, 0],
  ["decode", 640, 384, 5, 384],
  ["encode", 320, 240, 21, 0],
  ["decode", 160, 128, 29, 0],
  ["decode", 320, 240, 21, 0],
  ["transformer", 640, 480, 1, 0],
  ["transformer", 1280, 720, 1, 0],
  ["transformer", 1920, 1088, 1, 0],
  ["transformer", 640, 480, 21, 0],
];

const folder = await mkdtemp(join(tmpdir(), "seedvr2-memory-model-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
const files = { transformer: join(folder, "3b.safetensors"), autoencoder: join(folder, "vae.safetensors") };
const random = new RandomValues();
await writeCheckpoint(files.transformer, planCheckpoint(transformers["3B"], formats.fp16), random);
await writeCheckpoint(files.autoencoder, planCheckpoint(autoencoder, formats.fp16), random);

const rows: string[][] = [];
for (const configuration of configurations) {
  const [stage, width, height, frames, tile] = configuration;
  const measured = await measuredPeak(configuration);
  const batch = { target: { width, height }, frames, tileSide: tile || Infinity };
  const need = memoryNeed(batch, { ...transformers["3B"], plain: false }, processor);
  const expected = (need[stage] + BASE) / 1e6; // frames are not held here
  const what = `${stage} ${width}×${height}, ${frames} frames${tile ? `, tiles of ${tile}` : ""}`;
  const difference = `${(100 * (expected / measured - 1)).toFixed(0)} %`;
  rows.push([what, measured.toFixed(0), expected.toFixed(0), difference]);
  process.stdout.write(`${rows.at(-1)?.join("  ")}\n`);
}
report(["stage", "measured MB", "by the model MB", "difference (goal ±20 %)"], rows);

async function measuredPeak([stage, ...numbers]: Configuration): Promise<number> {
  const script = resolve(import.meta.dirname, "full-size/run-stage.ts");
  const file = stage === "transformer" ? files.transformer : files.autoencoder;
  const parameters = ["--import", "tsx", script, stage, file, ...numbers.map(String)];
  const { own } = await peakBelow(process.pid, () =>
    execa(process.execPath, parameters, { env: workerEnvironment(), extendEnv: false }),
  );
  return own;
}
