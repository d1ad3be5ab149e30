import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { execa } from "execa";
import type { TransformerSizes } from "../../engine/weights/network.ts";
import { workerEnvironment } from "../../src/config.ts";
import { timed } from "../figures.ts";
import type { OwnEngine } from "../own-engine.ts";
import { peakBelow } from "../processes.ts";
import { makeTestClip, makeTestPicture } from "../test-clip.ts";
import { arithmeticOf, sum, type Arithmetic } from "./arithmetic.ts";
import { secondsAt, type Rates } from "./bare-rates.ts";
import { autoencoder, autoencoderGraphsFor, transformerGraphsFor, type Work } from "./networks.ts";
import { stageTimes, type StageTimes } from "./stages.ts";

export interface Measured {
  readonly what: string;
  readonly stages: StageTimes;
  /** MB at most of worker and ffmpegs. */
  readonly peak: { readonly own: number; readonly mapped: number };
  readonly transformer: Arithmetic;
  readonly autoencoder: Arithmetic;
}

/** Bare operators in a process of its own, with the environment of the product's worker. */
export async function measureBareRates(): Promise<Rates> {
  const script = resolve(import.meta.dirname, "print-bare-rates.ts");
  const options = { env: workerEnvironment(), extendEnv: false };
  const { stdout } = await execa(process.execPath, ["--import", "tsx", script], options);
  return JSON.parse(stdout) as Rates;
}

/** Loads a model into the engine's worker; seconds it took. */
export async function load(engine: OwnEngine, model: string): Promise<number> {
  const milliseconds = await timed(async () => {
    while ((await engine.call("switch_model", { model })).status !== "loaded");
  });
  return milliseconds / 1000;
}

/** Doubles a picture, or a clip where there are several frames, to the size of the work, and watches. */
export async function measureTask(
  engine: OwnEngine,
  model: string,
  sizes: TransformerSizes,
  work: Work,
): Promise<Measured> {
  const { frames, height, width, tile } = work;
  const size = `${width / 2}x${height / 2}`;
  const isClip = frames > 1;
  const file_path = await (isClip
    ? makeTestClip(engine.folder, { size, frames })
    : makeTestPicture(engine.folder, size));
  const tiles = tile ? { vae_tile_size: tile } : {};
  const wish = { file_path, resolution: Math.min(height, width), dit_model: model, ...tiles };
  let stages: StageTimes | undefined;
  const peak = await peakBelow(engine.pid, async () => {
    const { task_id } = isClip
      ? await engine.call("submit_video_task", { ...wish, batch_size: frames })
      : await engine.call("submit_image_task", wish);
    stages = await stageTimes(engine, task_id);
  });
  return {
    what: `${width}×${height}${isClip ? `, ${frames} frames` : ""}${tile ? `, tiles of ${tile}` : ""}`,
    stages: stages as StageTimes,
    peak,
    transformer: arithmeticOf(transformerGraphsFor(sizes, work)),
    autoencoder: arithmeticOf(autoencoderGraphsFor(autoencoder, work)),
  };
}

/** Seconds of the networks' stages together. */
function together({ stages }: Measured): number {
  return stages.encode + stages.transformer + stages.decode;
}

/** What was measured beside what the same arithmetic takes at bare rates, as cells of a table. */
export function cells(measured: Measured, rates: Rates): string[] {
  const { stages, peak, transformer, autoencoder: ae } = measured;
  const bare = secondsAt(rates, transformer) + secondsAt(rates, ae);
  const seconds = [stages.encode, stages.transformer, stages.decode, together(measured), bare];
  const [ofTransformer, ofAutoencoder] = [
    { work: transformer, seconds: stages.transformer },
    { work: ae, seconds: stages.encode + stages.decode },
  ];
  const speed = ({ work, seconds: took }: { work: Arithmetic; seconds: number }) =>
    `${(sum(work) / took / 1e9).toFixed(0)} (${(secondsAt(rates, work) / took).toFixed(2)})`;
  return [
    measured.what,
    ...seconds.map((each) => each.toFixed(1)),
    (together(measured) / bare).toFixed(2),
    speed(ofTransformer),
    speed(ofAutoencoder),
    stages.rest.toFixed(1),
    peak.own.toFixed(0),
    peak.mapped.toFixed(0),
  ];
}

export const headings = [
  "result",
  ...["encode s", "transformer s", "decode s", "together s", "at bare rates s", "ratio (goal 1.15)"],
  ...["transformer GFLOP/s (share)", "autoencoder GFLOP/s (share)", "rest s", "own MB", "mapped MB"],
];

/** Brings a file into the page cache. */
export async function readThrough(path: string): Promise<void> {
  for await (const _ of createReadStream(path, { highWaterMark: 2 ** 23 }));
}
