/**
 * How near the built-in model comes to the originals of pictures that were halved: PSNR of the luma, as papers give it
 * for ×2, through the product (command line, PNG in, PNG out) and beside Lanczos.
 * `npx tsx bench/psnr.ts FOLDER`, with pairs NAME_HR.png and NAME_LR.png in it.
 */
import assert from "node:assert";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { EngineError } from "../engine/index.ts";
import { findFfmpeg } from "../engine/media/ffmpeg.ts";
import { runFfmpeg } from "../engine/media/ffmpeg-process.ts";
import type { Frame } from "../engine/media/frame.ts";
import { loadSharp } from "../engine/media/sharp.ts";
import { report } from "./figures.ts";
import { lumaPsnr } from "./luma-psnr.ts";
import { OwnEngine } from "./own-engine.ts";

const SCALE = 2;

interface Pair {
  readonly name: string;
  /** The original and the halved picture. */
  readonly high: string;
  readonly low: string;
}

/** Pairs by name; those of sets with several scales are taken for ours only (…_SRF_2_HR.png). */
async function pairsIn(folder: string): Promise<Pair[]> {
  const files = new Set(await readdir(folder));
  const names = [...files].flatMap((file) => /^(.+)_HR\.png$/.exec(file)?.[1] ?? []).sort();
  const pairs = names
    .filter((name) => files.has(`${name}_LR.png`) && (/_SRF_(\d+)$/.exec(name)?.[1] ?? "2") === String(SCALE))
    .map((name) => ({ name, high: join(folder, `${name}_HR.png`), low: join(folder, `${name}_LR.png`) }));
  if (pairs.length > 0) return pairs;
  throw new EngineError("not_found", {
    what: `There are no pairs of pictures in ${folder}.`,
    todo: "Name a folder with NAME_HR.png (the original) and NAME_LR.png (half its size).",
  });
}

/** A picture's 8-bit RGB; grey ones in three equal channels. */
async function readPicture(path: string): Promise<Frame> {
  const sharp = await loadSharp();
  const pixels = sharp(path).toColourspace("srgb").removeAlpha().raw({ depth: "uchar" });
  const { data, info } = await pixels.toBuffer({ resolveWithObject: true });
  const rgb = Uint8Array.from(data);
  return { width: info.width, height: info.height, depth: 8, rgb, time: 0n };
}

/** Enlarges with ffmpeg's Lanczos of three lobes: sharp's kernels are for making smaller, to enlarge it is bicubic. */
async function enlargeByLanczos(low: string, result: string): Promise<void> {
  const { path } = await findFfmpeg(null);
  const size = `iw*${SCALE}:ih*${SCALE}`;
  // Planes of RGB are scaled as they are; else the way would lead over YUV with halved colours.
  const filter = `format=gbrp,scale=${size}:flags=lanczos+accurate_rnd:param0=3,format=rgb24`;
  const { exitCode, stderr } = await runFfmpeg(path, ["-v", "error", "-i", low, "-vf", filter, result]);
  assert.equal(exitCode, 0, stderr);
}

interface Score {
  readonly name: string;
  readonly ours: number;
  readonly lanczos: number;
}

async function scorePair(engine: OwnEngine, { name, high, low }: Pair): Promise<Score> {
  const result = join(engine.folder, `${name}.png`);
  const lanczos = join(engine.folder, `${name}-lanczos.png`);
  await engine.run(["upscale", low, "--scale", String(SCALE), "--dit-model", "builtin_x2", "-o", result]);
  await enlargeByLanczos(low, lanczos);
  const original = await readPicture(high);
  return {
    name,
    ours: lumaPsnr(await readPicture(result), original, SCALE),
    lanczos: lumaPsnr(await readPicture(lanczos), original, SCALE),
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const folder = process.argv[2];
if (folder === undefined) {
  throw new EngineError("invalid_parameter", {
    what: "No folder of pictures was given.",
    todo: "Call npx tsx bench/psnr.ts FOLDER.",
  });
}
const pairs = await pairsIn(resolve(folder));
const engine = await OwnEngine.make();
try {
  const scores: Score[] = [];
  for (const pair of pairs) scores.push(await scorePair(engine, pair));
  const row = (name: string, ours: number, lanczos: number) => [name, ours.toFixed(3), lanczos.toFixed(3)];
  report(
    [`Y-PSNR ×${SCALE}, dB`, "builtin_x2", "Lanczos"],
    [
      ...scores.map(({ name, ours, lanczos }) => row(name, ours, lanczos)),
      row(`mean of ${scores.length}`, mean(scores.map(({ ours }) => ours)), mean(scores.map(({ lanczos }) => lanczos))),
    ],
  );
} finally {
  await engine.end();
}
