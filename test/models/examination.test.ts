import { mkdtemp, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { examineFile } from "../../engine/models/examination/examine-file.ts";
import { firstContact } from "../../engine/models/examination/first-contact.ts";
import { openCheckpoint } from "../../engine/weights/checkpoint.ts";
import { readValues } from "../../engine/weights/decode.ts";
import { f32Data, type TensorData } from "../../engine/weights/safetensors-writer.ts";
import { golden } from "../fixtures/golden-path.ts";
import { changedCheckpoint } from "../seedvr2/changed-checkpoint.ts";
import { layerFormats, storeLayer } from "../weights/format-writers.ts";

const GOOD = golden("chain/chain_tiny_3b.dit.weights.safetensors");
/** A matrix of 48 rows and 256 columns. */
const LAYER = "blocks.1.mlp.vid.proj_out";
const MATRIX = `${LAYER}.weight`;
const NORM = "blocks.1.attn.norm_q.vid.weight";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "seedvr2-examination-"));
  path = join(folder, "network.safetensors");
});
afterEach(() => rm(folder, { recursive: true }));

/** A copy of the good file in which a tensor's values, as fp32, are changed. */
async function withValues(name: string, change: (values: Float32Array) => Float32Array): Promise<void> {
  const tensor = (await openCheckpoint(GOOD)).tensors.get(name)!;
  const values = change(await readValues(tensor));
  await changedCheckpoint(GOOD, path, (tensors) => void tensors.set(name, f32Data(tensor.shape, values)));
}

const lastIsNan = (values: Float32Array) => values.with(values.length - 1, Number.NaN);

describe("files as they should be have no faults", () => {
  it.each([
    ["chain/chain_tiny_3b.dit.weights.safetensors", { kind: "transformer" }, ["F16"]],
    ["chain/chain_tiny_7b.dit.weights.safetensors", { kind: "transformer" }, ["F16"]],
    ["chain/chain_tiny.vae.weights.safetensors", { kind: "autoencoder" }, ["F16"]],
    ["storage/storage_tiny_q8_0.weights.gguf", { kind: "transformer" }, ["Q8_0"]],
    ["storage/storage_tiny_q4_k_m.weights.gguf", { kind: "transformer" }, ["Q4_K", "Q6_K"]],
    ["storage/storage_tiny_fp8_scaled.weights.safetensors", { kind: "transformer" }, ["F8_E4M3, one scale"]],
  ])("%s", async (file, network, storage) => {
    const { faults, content } = await examineFile(golden(file), { rows: 12 });
    expect(faults).toEqual([]);
    expect(content?.network).toMatchObject(network);
    expect([...content!.storage.keys()]).toEqual(expect.arrayContaining(storage));
    expect(content?.headerSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each(layerFormats)("a layer stored as %s", async (format) => {
    const { shape, ...tensor } = (await openCheckpoint(GOOD)).tensors.get(MATRIX)!;
    const [rows = 0, columns = 0] = shape;
    const values = await readValues({ ...tensor, shape });
    await changedCheckpoint(GOOD, path, (tensors) => {
      tensors.delete(MATRIX);
      for (const [name, data] of storeLayer(format, LAYER, { rows, columns, values }).tensors) tensors.set(name, data);
    });
    const { faults, content } = await examineFile(path, { rows: 6 });
    expect(faults).toEqual([]);
    const { least, most } = content!.kinds.find(({ kind }) => kind.name === "MLP out")!;
    expect(least).toBeGreaterThan(0.8);
    expect(most).toBeLessThan(1.2);
  });
});

describe("what is wrong with a file is told by the tensor's name", () => {
  it.each([
    ["a value that is no number, in the last row", MATRIX, lastIsNan, /holds 1 values that are no numbers/],
    ["an infinite norm", NORM, (v: Float32Array) => v.with(0, Infinity), /holds 1 values that are no numbers/],
    ["codes without their scale", MATRIX, (v: Float32Array) => v.map((x) => x * 1000), /mean size of \d{3,4} times/],
    ["a scale far too small", MATRIX, (v: Float32Array) => v.map((x) => x / 1000), /mean size of 0\.00\d+ times/],
    ["a flat layer", MATRIX, (v: Float32Array) => v.fill(0.06), /has the same value \(0.059\d+\)/],
    ["a layer of zeros", MATRIX, (v: Float32Array) => v.fill(0), /has the same value \(0\)/],
    ["norms far from 1", NORM, (v: Float32Array) => v.fill(100), /mean size of 100;/],
  ])("%s", async (_, name, change, words) => {
    await withValues(name, change);
    const { faults } = await examineFile(path, { rows: 12 });
    expect(faults).toEqual([expect.stringMatching(words)]);
    expect(faults[0]).toContain(name);
  });

  it("the scale of a layer that was written for other codes", async () => {
    await changedCheckpoint(golden("storage/storage_tiny_fp8_scaled.weights.safetensors"), path, (tensors) => {
      tensors.set("blocks.0.mlp.vid.proj_in.weight_scale", f32Data([], Float32Array.of(3)));
    });
    const { faults } = await examineFile(path, { rows: 12 });
    expect(faults).toEqual([expect.stringMatching(/^blocks\.0\.mlp\.vid\.proj_in\.weight has a mean size/)]);
  });

  it("all text weights of the last block may be anything, but for its keys and values", async () => {
    const last = golden("chain/chain_tiny_7b.dit.weights.safetensors");
    const zeros = (tensors: Map<string, TensorData>, name: string) => {
      const data = tensors.get(name)!;
      tensors.set(name, { ...data, bytes: new Uint8Array(data.bytes.length) });
    };
    await changedCheckpoint(last, path, (tensors) => {
      zeros(tensors, "blocks.3.mlp.txt.proj_out.weight");
      zeros(tensors, "blocks.3.attn.proj_qkv.txt.weight");
    });
    const { faults } = await examineFile(path, { rows: 12 });
    expect(faults).toEqual([expect.stringMatching(/^blocks\.3\.attn\.proj_qkv\.txt\.weight has the same value/)]);
  });

  it("a file that was cut off", async () => {
    await writeFile(path, await readFile(GOOD));
    await truncate(path, 300_000);
    const { faults, content } = await examineFile(path, { rows: 12 });
    expect(faults).toEqual([expect.stringMatching(/is not a readable checkpoint/)]);
    expect(content).toBeUndefined();
  });

  it("a file of another kind", async () => {
    await changedCheckpoint(GOOD, path, (tensors) => {
      for (const name of [...tensors.keys()]) if (!name.startsWith("vid_in")) tensors.delete(name);
    });
    const { faults } = await examineFile(path, { rows: 12 });
    expect(faults).toEqual(["network.safetensors holds no network of SeedVR2."]);
  });
});

describe("at first contact", () => {
  const contact = () => firstContact([path], { stateDir: folder, signal: new AbortController().signal });

  it("a faulty file is warned of each time, with its name and what is wrong", async () => {
    await withValues(MATRIX, lastIsNan);
    for (let i = 0; i < 2; i++) {
      expect(await contact()).toEqual([
        expect.stringMatching(/^The file network\.safetensors .*proj_out\.weight holds 1 values .*doctor --model/),
      ]);
    }
  });

  it("a good file is remembered by path, size and time", async () => {
    await withValues(MATRIX, (values) => values);
    const time = new Date(1_700_000_000_000);
    await utimes(path, time, time);
    expect(await contact()).toEqual([]);
    await withValues(MATRIX, lastIsNan);
    await utimes(path, time, time);
    expect(await contact()).toEqual([]);
    await utimes(path, time, new Date(time.getTime() + 5000));
    expect(await contact()).toHaveLength(1);
  });

  it("what is remembered and cannot be read is found out again", async () => {
    await withValues(MATRIX, (values) => values);
    await writeFile(join(folder, "passed-files.json"), "{ damaged");
    expect(await contact()).toEqual([]);
    expect(JSON.parse(await readFile(join(folder, "passed-files.json"), "utf8"))).toMatchObject({ rules: 2 });
  });

  it("ends where its task does", async () => {
    await withValues(MATRIX, (values) => values);
    await expect(firstContact([path], { stateDir: folder, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});
