import { homedir, tmpdir } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { publishedText, withoutPrivateNames } from "../../src/doctor/model-facts.ts";
import { verdictOf, verdicts } from "../../src/doctor/model-verdict.ts";
import { likeness } from "../../src/doctor/picture-likeness.ts";
import type { PictureTrial } from "../../src/doctor/try-picture.ts";

const trial = (made: PictureTrial["made"], device: string | null = "cpu"): PictureTrial => ({
  ...{ made, device, seconds: 1 },
});
const failed = (code: string, device?: string) => trial({ code, message: "It failed." }, device);
const good = trial({ decibels: 31, deviation: 50 });
const far = { decibels: 24.9, deviation: 50 };
const flat = { decibels: 40, deviation: 0.5 };
const fault = ["A tensor holds values that are no numbers."];

describe("a file that fails is told apart from a machine that fails", () => {
  it.each([
    ["a good picture of a faultless file", { faults: [], trial: good }, "passed", 0],
    ["a good picture of a file with faults", { faults: fault, trial: good }, "odd", 1],
    ["a file that could not be opened", { faults: fault, trial: null }, "file", 1],
    ["a picture far from its input on the processor", { faults: [], trial: trial(far), control: good }, "file", 1],
    ["a flat picture on the processor", { faults: [], trial: trial(flat), control: good }, "file", 1],
    [
      "values that are no numbers on the processor",
      { faults: [], trial: failed("provider_failed"), control: good },
      "file",
      1,
    ],
    [
      "weights that are missing",
      { faults: [], trial: failed("checkpoint_malformed", "webgpu"), control: good },
      "file",
      1,
    ],
    ["no memory", { faults: [], trial: failed("out_of_memory"), control: good }, "machine", 4],
    ["a worker that died", { faults: [], trial: failed("worker_died"), control: good }, "machine", 4],
    ["the built-in model failing too", { faults: [], trial: trial(far), control: trial(flat) }, "machine", 4],
    [
      "a picture far from its input on a GPU",
      { faults: [], trial: trial(far, "webgpu"), control: good },
      "undecided",
      4,
    ],
    ["faults and a bad picture on a GPU", { faults: fault, trial: trial(far, "webgpu"), control: good }, "file", 1],
  ] as const)("%s", (_, evidence, verdict, exit) => {
    expect(verdictOf(evidence)).toBe(verdict);
    expect(verdicts[verdict].exit).toBe(exit);
  });
});

it.each([
  [{ published: "ab", sha256: "ab" }, /^byte for byte/],
  [{ published: "ab", sha256: "cd" }, /^not the file published .*sha256 cd/],
  [{ published: null, sha256: null }, /^not compared/],
])("of a file with hashes %j it is said whether it is the published one", (hashes, text) => {
  expect(publishedText(hashes)).toMatch(text);
});

describe("what is pasted tells nobody", () => {
  const names = {
    paths: ["/data/ann/models/ann-and-bob.safetensors"],
    published: new Set(["ema_vae_fp16.safetensors"]),
  };
  it.each([
    ["ann-and-bob.safetensors is cut off.", "(file) is cut off."],
    ["ema_vae_fp16.safetensors is cut off.", "ema_vae_fp16.safetensors is cut off."],
    ["No permission: open '/data/ann/models/x'.", "No permission: open '(folder)/x'."],
    [`Cannot read ${homedir()}.`, "Cannot read (home)."],
    ["Look into /srv/secret/place, or C:\\Users\\Ann\\x.", "Look into (path), or (path)"],
    ["size 0.9 to 1.1 × 1/√width", "size 0.9 to 1.1 × 1/√width"],
  ])("%s", (text, told) => {
    expect(withoutPrivateNames(text, names)).toBe(told);
  });
});

describe("a result is compared with what it was made of", () => {
  const picture = resolve(import.meta.dirname, "../../scripts/demo/harbour.png");
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "seedvr2-likeness-"))));
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ["enlarged", (p: Sharp) => p, 25, 99, 20],
    ["negated", (p: Sharp) => p.negate({ alpha: false }), 0, 20, 20],
    ["mirrored", (p: Sharp) => p.flop(), 0, 25, 20],
    ["flat", (p: Sharp) => p.linear(0, 128), 0, 25, 0],
  ] as const)("%s", async (name, change, least, most, spread) => {
    const result = join(folder, `${name}.png`);
    await change(sharp(picture).resize(320, 240, { kernel: "cubic" }))
      .png()
      .toFile(result);
    const { decibels, deviation } = await likeness(picture, result);
    expect(decibels).toBeGreaterThan(least);
    expect(decibels).toBeLessThan(most);
    if (spread === 0) expect(deviation).toBeLessThan(2);
    else expect(deviation).toBeGreaterThan(spread);
  });
});
