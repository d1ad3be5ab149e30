import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { printGraph } from "../../engine/onnx/print-graph.ts";
import { WeightDemands } from "../../engine/onnx/weight-demands.ts";
import { loadPrompt } from "../../engine/seedvr2/prompt.ts";
import { tokenOrder } from "../../engine/seedvr2/token-order.ts";
import { blockGraph, publishedSettings } from "../../engine/seedvr2/transformer.ts";
import { TransformerNetwork, type TransformerPass } from "../../engine/seedvr2/transformer-network.ts";
import { openNetworkFile } from "../../engine/seedvr2/weight-file.ts";
import { windowsOf } from "../../engine/seedvr2/windows.ts";
import { f32Data } from "../../engine/weights/safetensors-writer.ts";
import { golden } from "../fixtures/golden-path.ts";
import { waves } from "../onnx/weight-fixtures.ts";
import { changedCheckpoint } from "./changed-checkpoint.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "seedvr2-transformer-"));
});
afterEach(() => rm(folder, { recursive: true }));

const session = { provider: "cpu", threads: 1, prepack: false } as const;

async function open(path: string): Promise<TransformerNetwork> {
  const file = await openNetworkFile(path);
  if (file.network?.kind !== "transformer") throw new Error("The file holds no transformer.");
  return TransformerNetwork.open(file, file.network, { session });
}

const pass = (changes: Partial<TransformerPass> = {}): TransformerPass => ({
  extent: [1, 8, 12],
  latent: waves(8 * 12 * 33, 0.01),
  prompt: { shape: [5, 48], data: waves(5 * 48, 0.01) },
  timestep: 1000,
  ...changes,
});

describe.each(["3b", "7b"])("the tiny %s transformer", (kind) => {
  const weights = golden(`dit/dit_tiny_${kind}.weights.safetensors`);

  it("gives the same bytes twice, and the same without its unread text results", async () => {
    const network = await open(weights);
    const first = await network.run(pass());
    expect(await network.run(pass())).toEqual(first);
    const traced = await network.run(pass({ trace: () => undefined }));
    traced.forEach((value, i) => expect(value).toBeCloseTo(first[i] ?? Number.NaN, 5));
  });

  it("reports each block, and stops between two when told so", async () => {
    const network = await open(weights);
    const stop = new AbortController();
    const done: number[] = [];
    const onBlock = (block: number, of: number) => {
      expect(of).toBe(4);
      done.push(block);
      if (block === 2) stop.abort();
    };
    await expect(network.run(pass({ onBlock, signal: stop.signal }))).rejects.toThrow(/abort/i);
    expect(done).toEqual([1, 2]);
  });

  it("names tensors that are missing, misshapen and not its own, all at once", async () => {
    const path = join(folder, "changed.safetensors");
    const set = kind === "3b" ? "all" : "vid";
    await changedCheckpoint(weights, path, (tensors) => {
      tensors.delete(`blocks.2.attn.norm_k.${set}.weight`);
      tensors.set("txt_in.bias", f32Data([3], new Float32Array(3)));
      tensors.set("blocks.0.stray", f32Data([1], new Float32Array(1)));
    });
    await expect(open(path)).rejects.toMatchObject({
      code: "checkpoint_malformed",
      facts: {
        missing: [`blocks.2.attn.norm_k.${set}.weight [32]`],
        misshapen: ["txt_in.bias has shape [3], the network needs [64]"],
        superfluous: ["blocks.0.stray"],
      },
    });
  });

  it("computes rotary frequencies by formula, and uses another network's stored table with a warning", async () => {
    expect((await open(weights)).warnings).toEqual([]);
    const path = join(folder, "table.safetensors");
    const name = "blocks.1.attn.rope.rope.freqs";
    await changedCheckpoint(weights, path, (tensors) => {
      const { shape = [] } = tensors.get(name) ?? {};
      tensors.set(name, f32Data(shape, new Float32Array(shape[0] ?? 0).fill(0.5)));
    });
    const other = await open(path);
    expect(other.warnings).toEqual([expect.stringContaining(name)]);
    expect(await other.run(pass())).not.toEqual(await (await open(weights)).run(pass()));
  });

  it("has blocks that read as they are described", async () => {
    const file = await openNetworkFile(weights);
    const sizes = file.network;
    if (sizes?.kind !== "transformer") throw new Error("The file holds no transformer.");
    const settings = publishedSettings(sizes);
    const orders = settings.windows.map((rule) => tokenOrder([1, 2, 3], windowsOf([1, 2, 3], rule)));
    const plan = { sizes, settings, latent: [1, 4, 6] as const, textRows: 5, orders };
    for (const index of [0, 3]) {
      const text = printGraph(blockGraph(plan, index, { weights: new WeightDemands(file) }));
      await expect(text).toMatchFileSnapshot(`../fixtures/graphs/dit_tiny_${kind}.block${index}.txt`);
    }
  });
});

describe("the prompt embedding", () => {
  const weights = golden("dit/dit_tiny_3b.weights.safetensors");
  const embedding = f32Data([2, 48], waves(96));

  it("is taken from the checkpoint, else from the first file that is there", async () => {
    const carrying = join(folder, "carrying.safetensors");
    await changedCheckpoint(weights, carrying, (tensors) => {
      tensors.set("positive_conditioning", embedding);
      tensors.set("negative_conditioning", embedding);
    });
    await expect(open(carrying)).resolves.toBeInstanceOf(TransformerNetwork);
    expect(await loadPrompt(await openNetworkFile(carrying), 48, [])).toEqual({ shape: [2, 48], data: waves(96) });
    const beside = join(folder, "pos_emb.safetensors");
    await changedCheckpoint(weights, beside, (tensors) => tensors.set("embedding", embedding));
    const files = [join(folder, "none.pt"), beside];
    expect(await loadPrompt(await openNetworkFile(weights), 48, files)).toEqual({ shape: [2, 48], data: waves(96) });
  });

  it("that is nowhere, or of another width, is reported", async () => {
    const file = await openNetworkFile(weights);
    await expect(loadPrompt(file, 48, [join(folder, "none.pt")])).rejects.toMatchObject({ code: "not_installed" });
    const narrow = join(folder, "narrow.safetensors");
    await changedCheckpoint(weights, narrow, (tensors) =>
      tensors.set("embedding", f32Data([2, 3], new Float32Array(6))),
    );
    await expect(loadPrompt(file, 48, [narrow])).rejects.toThrow(/shape of embedding is \[2,3\]/);
  });
});
