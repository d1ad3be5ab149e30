import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { halves } from "../../engine/onnx/half.ts";
import type { Lowering } from "../../engine/onnx/lowering.ts";
import { processorLowering } from "../../engine/onnx/lowering.ts";
import type { TensorValue } from "../../engine/onnx/session.ts";
import { f16Table } from "../../engine/weights/number-formats.ts";
import { f32Data } from "../../engine/weights/safetensors-writer.ts";
import { readGoldenFolder } from "../../scripts/parity/golden-folder.ts";
import { openTransformer } from "../../scripts/parity/networks.ts";
import { runFolder } from "../../scripts/parity/run-folder.ts";
import { golden } from "../fixtures/golden-path.ts";
import { waves } from "../onnx/weight-fixtures.ts";
import { changedCheckpoint } from "./changed-checkpoint.ts";

/** As on GPUs: products in fp16, weights of other types converted before they are handed over. */
const half: Lowering = { attention: "plain", arithmetic: "fp16", weights: "converted" };

describe("fp16 codes", () => {
  it("of all fp16 values are the codes they came from", () => {
    const numbers = Uint16Array.from({ length: 65_536 }, (_, code) => code).filter((code) => (code & 0x7fff) <= 0x7c00);
    expect(halves(Float32Array.from(numbers, (code) => f16Table[code] as number))).toEqual(numbers);
  });

  it.each([
    ["a tie goes to the even neighbour below", 1 + 2 ** -11, 0x3c00],
    ["a tie goes to the even neighbour above", 1 + 3 * 2 ** -11, 0x3c02],
    ["more than a tie goes up", 1 + 2 ** -11 + 2 ** -20, 0x3c01],
    ["rounding carries into the exponent", 2 - 2 ** -12, 0x4000],
    ["the largest", 65_519, 0x7bff],
    ["what would round to more is infinite", 65_520, 0x7c00],
    ["half the smallest", 2 ** -25, 0],
    ["more than half the smallest", -1.5 * 2 ** -25, 0x8001],
    ["far too small", 1e-30, 0],
    ["far too large", -1e30, 0xfc00],
    ["no number", Number.NaN, 0x7e00],
  ])("%s", (_what, value, code) => {
    expect(halves(Float32Array.of(value))).toEqual(Uint16Array.of(code));
  });
});

/** Largest error as a share of the tensor's largest value. Measured: at most 8.2e-4 in the transformer, 2.1e-3 in the autoencoder. */
const aims = { dit: 2e-3, storage: 2e-3, vae: 4e-3 } as const;

describe.each(["dit", "storage", "vae"] as const)(
  "with products in fp16 the networks stay near the reference: %s",
  (kind) => {
    it("in every tensor of every case, whatever the weights are stored as", async () => {
      const folder = await readGoldenFolder(golden(kind));
      const far: unknown[] = [];
      let compared = 0;
      for await (const { golden: goldenCase, comparison } of runFolder(folder as NonNullable<typeof folder>, {
        lowering: half,
      })) {
        for (const { tensor, max, largest } of comparison.findings) {
          if (!(max <= aims[kind] * largest)) far.push([goldenCase.name, tensor, max / largest]);
          compared += 1;
        }
      }
      expect(far).toEqual([]);
      expect(compared).toBeGreaterThan(10);
    });
  },
);

describe("a network whose values are far beyond fp16", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "seedvr2-half-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const extent = [1, 8, 12] as const;
  const pass = {
    ...{ extent, latent: waves(8 * 12 * 33, 0.01), timestep: 1000 },
    prompt: { shape: [5, 48], data: waves(5 * 48, 0.01) },
  };

  /** The tiny network with its first MLPs and their gates multiplied, so that the residual stream grows. */
  async function grown(kind: string): Promise<string> {
    const path = join(folder, `${kind}.safetensors`);
    await changedCheckpoint(golden(`dit/dit_tiny_${kind}.weights.safetensors`), path, (tensors) => {
      for (const [name, { type, shape, bytes }] of tensors) {
        if (!/^blocks\.[01]\.(mlp\..*proj_(in|out)\.weight|ada\..*mlp_gate)$/.test(name)) continue;
        expect(type).toBe("F32");
        const values = new Float32Array(bytes.slice().buffer).map((value) => value * 64);
        tensors.set(name, f32Data(shape, values));
      }
    });
    return path;
  }

  const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

  it.each(["3b", "7b"])("stays finite and near the fp32 result: %s", async (kind) => {
    const network = { weights: await grown(kind), config: {} };
    const traced = new Map<string, TensorValue>();
    const exact = await openTransformer(network, { lowering: processorLowering });
    const expected = await exact.run({ ...pass, trace: (name, value) => traced.set(name, value) });
    expect(largest(traced.get("block1.vid")?.data ?? new Float32Array())).toBeGreaterThan(1e5);
    const made = await (await openTransformer(network, { lowering: half })).run(pass);
    const error = largest(made.map((value, i) => value - (expected[i] ?? Number.NaN)));
    expect(error).toBeLessThan(5e-3 * largest(expected));
  });

  it("names the block that computed what is no number", async () => {
    const path = join(folder, "broken.safetensors");
    await changedCheckpoint(golden("dit/dit_tiny_3b.weights.safetensors"), path, (tensors) => {
      const { shape = [] } = tensors.get("blocks.2.ada.all.mlp_gate") ?? {};
      tensors.set("blocks.2.ada.all.mlp_gate", f32Data(shape, new Float32Array(shape[0] ?? 0).fill(Infinity)));
    });
    const network = await openTransformer({ weights: path, config: {} });
    await expect(network.run(pass)).rejects.toMatchObject({
      code: "provider_failed",
      facts: { stage: "transformer block 3 of 4" },
    });
  });
});
