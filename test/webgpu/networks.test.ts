import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loweringOf, processor, type DeviceChoice } from "../../engine/onnx/device-choice.ts";
import { tryDevice } from "../../engine/onnx/try-device.ts";
import { openSeedvr2 } from "../../engine/upscalers/open-seedvr2.ts";
import type { UpscaleSettings } from "../../engine/upscalers/upscaler.ts";
import type { Finding } from "../../scripts/parity/comparison.ts";
import { readGoldenFolder, type GoldenFolder } from "../../scripts/parity/golden-folder.ts";
import { runFolder } from "../../scripts/parity/run-folder.ts";
import { aFrame } from "../contracts/upscaler-contract.ts";
import { golden } from "../fixtures/golden-path.ts";
import { tinyModel } from "../seedvr2/tiny-models.ts";

/** What the trial says of this machine's adapter; without one these tests fail, and say what the runtime says. */
let choice: DeviceChoice;
beforeAll(async () => {
  const trial = await tryDevice({ provider: "webgpu" });
  expect(trial).toMatchObject({ works: true });
  choice = trial.choice as DeviceChoice;
});

/**
 * Largest error as a share of the tensor's largest value. Measured on lavapipe: 1.1e-5 in fp32; 5.2e-3 in the transformer
 * and 1.3e-2 in the autoencoder in fp16, which it also sums in, so that the trial chooses fp32 there.
 */
const aims = { fp32: { dit: 1e-3, storage: 1e-3, vae: 1e-3 }, fp16: { dit: 1e-2, storage: 1e-2, vae: 3e-2 } };

/** Sliced and tiled cases are the same graphs again, each of which a software adapter compiles anew. */
const isShort = ({ name }: { name: string }) => !/sliced|tiled/.test(name);

describe.each(["fp32", "fp16"] as const)("on WebGPU in %s the networks agree with the reference", (arithmetic) => {
  it.each(["dit", "storage", "vae"] as const)("in every tensor: %s", async (kind) => {
    const folder = (await readGoldenFolder(golden(kind))) as GoldenFolder;
    const cases = folder.cases.filter(isShort);
    const aim = aims[arithmetic][kind];
    const findings: (Finding & { readonly case: string })[] = [];
    const how = { provider: "webgpu", lowering: loweringOf({ ...choice, arithmetic }) } as const;
    for await (const { golden: goldenCase, comparison } of runFolder({ ...folder, cases }, how)) {
      findings.push(...comparison.findings.map((finding) => ({ case: goldenCase.name, ...finding })));
    }
    const relative = findings.map(({ max, largest }) => max / largest);
    process.stdout.write(
      `${kind} in ${arithmetic}: largest error ${Math.max(...relative).toExponential(1)} of a tensor\n`,
    );
    expect(findings.filter(({ max, largest }) => !(max <= aim * largest))).toEqual([]);
    expect(findings.length).toBeGreaterThan(10);
  });
});

describe("a picture", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "seedvr2-webgpu-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("restored on WebGPU is the processor's within 2 in 255, the same twice, and says how it was made", async () => {
    const files = { kind: "seedvr2" as const, ...(await tinyModel(folder)), cacheDir: join(folder, "cache") };
    const settings: UpscaleSettings = {
      ...{ batchSize: 1, overlap: 0, uniform: false, colour: "none", seed: 1, inputNoiseScale: 0, latentNoiseScale: 0 },
      tiling: { mode: "auto", quality: "high" },
    };
    const restored = async (on: DeviceChoice) => {
      const model = await openSeedvr2(files, on, 1);
      const upscaler = await model.upscaler(settings);
      const batch = { frames: [aFrame(24, 16)], owned: { start: 0, count: 1 }, first: 0 };
      const [frame] = await upscaler.upscale(batch, { width: 48, height: 32 });
      const { notes } = upscaler;
      await model.close();
      return { rgb: frame?.rgb ?? new Uint8Array(), depth: frame?.depth ?? 8, notes };
    };
    const expected = await restored(processor);
    const made = await restored(choice);
    expect(made.notes).toContainEqual(expect.stringMatching(/^Computed on webgpu, fp(16|32) arithmetic, /));
    const unit = (2 ** made.depth - 1) / 255;
    const errors = Array.from(made.rgb, (value, i) => Math.abs(value - (expected.rgb[i] ?? Number.NaN)) / unit);
    expect(Math.max(...errors)).toBeLessThanOrEqual(2);
    expect((await restored(choice)).rgb).toEqual(made.rgb);
  });
});
