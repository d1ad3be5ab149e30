import { chmod, mkdtemp, open, readdir, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Graph } from "../../engine/onnx/graph.ts";
import { GraphSession } from "../../engine/onnx/session.ts";
import { WeightDemands } from "../../engine/onnx/weight-demands.ts";
import { openNetworkFile } from "../../engine/seedvr2/weight-file.ts";
import { openCheckpoint } from "../../engine/weights/checkpoint.ts";
import { decode } from "../../engine/weights/decode.ts";
import { removeRepackedFiles, repackedCheckpoint, repackedFiles } from "../../engine/weights/repack-cache.ts";
import { repack, repackedParts } from "../../engine/weights/repack.ts";
import type { StoredTensor } from "../../engine/weights/stored-tensor.ts";
import { byteLength, countOf, storedTypes, type StoredType } from "../../engine/weights/stored-type.ts";
import { weightOfBlocks } from "../../engine/weights/weight.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { golden } from "../fixtures/golden-path.ts";
import { ggufBytes } from "./checkpoint-bytes.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "seedvr2-repack-"));
});
afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

const ggmlTypes = { Q4_0: 2, Q5_0: 6, Q8_0: 8, Q4_K: 12, Q5_K: 13, Q6_K: 14 } as const;
type Quantised = keyof typeof ggmlTypes;

/** A GGUF file with a matrix `w` of the golden's blocks, one block a row, and a vector of the same type. */
async function quantisedFile(
  type: Quantised,
): Promise<{ path: string; rows: number; columns: number; raw: Uint8Array<ArrayBuffer> }> {
  const blocks = await GoldenFile.open(golden("pipeline/gguf_blocks.safetensors"));
  const raw = Uint8Array.from(await blocks.bytes(`${type}.raw`));
  const [rows = 0, columns = 0] = (await blocks.tensor(`${type}.values`)).shape;
  const path = join(folder, "m.gguf");
  const start = Math.ceil(raw.length / 32) * 32;
  const tensors = [
    { name: "w", dims: [columns, rows], type: ggmlTypes[type], offset: 0 },
    { name: "v", dims: [columns], type: ggmlTypes[type], offset: start },
  ];
  const data = Buffer.concat([raw, Buffer.alloc(start - raw.length), raw.subarray(0, raw.length / rows)]);
  await writeFile(path, ggufBytes({ tensors, data }));
  return { path, rows, columns, raw };
}

/** What the runtime makes of that file: the matrix, rows 3 to 7 of it and the vector. */
async function loaded({ path, rows, columns }: { path: string; rows: number; columns: number }, cache: string) {
  const file = await openNetworkFile(path, cache);
  const at: Graph = new Graph({ name: "weights", weights: new WeightDemands(file) });
  at.output("whole", at.weight("w", [rows, columns]));
  at.output("part", at.weight("w", [rows, columns], { from: 3, to: 7 }));
  at.output("vector", at.weight("v", [columns]));
  const session = await GraphSession.create(at, { provider: "cpu", threads: 1, prepack: false });
  try {
    return { file, values: await session.run({}) };
  } finally {
    await session.close();
  }
}

describe("repacked GGUF blocks", () => {
  it.each(Object.keys(ggmlTypes) as Quantised[])(
    "of %s become the same values in the runtime, bit for bit, from the cache and without it",
    async (type) => {
      const stored = await quantisedFile(type);
      await writeFile(join(folder, "file"), "");
      for (const cache of [join(folder, "cache"), join(folder, "file", "cache")]) {
        const { file, values } = await loaded(stored, cache);
        expect(file.checkpoint.format).toBe(cache.includes("file") ? "gguf" : "safetensors");
        const expected = decode(type satisfies StoredType, stored.raw);
        expect(values["whole"]?.data).toEqual(expected);
        expect(values["part"]?.data).toEqual(expected.slice(3 * stored.columns, 7 * stored.columns));
        expect(values["vector"]?.data).toEqual(expected.slice(0, stored.columns));
      }
    },
  );

  it.each(Object.keys(ggmlTypes) as Quantised[])("of %s take at most 1.6 times their size", (type) => {
    const { values, bytes } = storedTypes[type];
    const matrix = { name: "w", type, shape: [4, 16 * values], path: "", offset: 0, length: 64 * bytes };
    const parts = repack(matrix, new Uint8Array(matrix.length));
    expect(parts.map(({ length }) => length)).toEqual(
      repackedParts(matrix).map((part) => byteLength(part.type, countOf(part.shape))),
    );
    expect(parts.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(1.6 * matrix.length);
  });

  it("are written once for each state of the file, whole or not at all", async () => {
    const { path } = await quantisedFile("Q8_0");
    const cache = join(folder, "cache");
    const source = await openCheckpoint(path);
    const first = await repackedCheckpoint(source, cache);
    const again = await repackedCheckpoint(source, cache);
    expect(again.path).toBe(first.path);
    expect(await readdir(cache)).toHaveLength(1);
    await utimes(path, new Date(0), new Date(0));
    expect((await repackedCheckpoint(source, cache)).path).not.toBe(first.path);
    await writeFile(join(folder, "short.gguf"), "");
    await expect(
      repackedCheckpoint({ ...source, path: join(folder, "short.gguf"), tensors: cutOff(source) }, cache),
    ).rejects.toThrow();
    expect((await readdir(cache)).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("are counted and removed", async () => {
    const { path } = await quantisedFile("Q4_K");
    const cache = join(folder, "cache");
    await openNetworkFile(path, cache);
    const [file] = await repackedFiles(cache);
    expect(file?.bytes).toBeGreaterThan(0);
    expect(await removeRepackedFiles(cache, path)).toEqual({ removed: 0, kept: file?.bytes });
    expect(await removeRepackedFiles(cache)).toEqual({ removed: file?.bytes, kept: 0 });
    expect(await repackedFiles(cache)).toEqual([]);
  });

  it("are made again where the cached file is damaged", async () => {
    const { path } = await quantisedFile("Q8_0");
    const cache = join(folder, "cache");
    const { path: cached } = await repackedCheckpoint(await openCheckpoint(path), cache);
    await writeFile(cached, "damaged");
    expect((await openNetworkFile(path, cache)).weights.get("w")?.runs?.length).toBe(32);
  });

  it("are decoded at each loading, with a warning, where the cache cannot be written", async () => {
    const { path } = await quantisedFile("Q6_K");
    await writeFile(join(folder, "file"), "");
    const { warnings } = await openNetworkFile(path, join(folder, "file", "cache"));
    expect(warnings).toEqual([expect.stringMatching(/decoded again in every part of the run.*ENOTDIR/)]);
  });

  it("are decoded at each loading, some rows at a time, where the disk has too little space", async () => {
    const [rows, columns] = [2 ** 27, 2 ** 14];
    const path = join(folder, "sparse.gguf");
    await writeFile(path, ggufBytes({ tensors: [{ name: "w", dims: [columns, rows], type: 8, offset: 0 }] }));
    await truncate(path, 2 ** 42);
    const cache = join(folder, "cache");
    const file = await openNetworkFile(path, cache);
    expect(file.warnings).toEqual([expect.stringMatching(/decoded again.*need \d+ MB in .*; \d+ MB are free/)]);
    expect(await readdir(cache)).toEqual([]);
    const at: Graph = new Graph({ name: "rows", weights: new WeightDemands(file) });
    at.output("rows", at.weight("w", [rows, columns], { from: rows - 2, to: rows }));
    const session = await GraphSession.create(at, { provider: "cpu", threads: 1, prepack: false });
    expect((await session.run({}))["rows"]?.data).toEqual(new Float32Array(2 * columns));
    await session.close();
  });
});

describe("GGUF blocks taken apart as they are loaded", () => {
  it.each(["Q8_0", "Q4_K"] as const)("of %s are read once for all parts, and then forgotten", async (type) => {
    const { path } = await quantisedFile(type);
    const tensor = (await openCheckpoint(path)).tensors.get("w") as StoredTensor;
    const weight = weightOfBlocks(tensor);
    const parts = [weight, weight.runs?.step, weight.runs?.base].flatMap((part) => part?.madeRows ?? []);
    const ofRows = async () => {
      const made: Uint8Array[] = [];
      for (const madeRows of parts) made.push(Uint8Array.from(await madeRows(0, 4)));
      return made;
    };
    expect(parts).toHaveLength(type === "Q4_K" ? 3 : 2);
    const before = await ofRows();
    expect(await ofRows()).toEqual(before);
    // Zeros in the file show from where the rows come: parts of one reading belong together, later ones are read anew.
    const first = Uint8Array.from((await parts[0]?.(0, 4)) as Uint8Array);
    const file = await open(path, "r+");
    await file.write(new Uint8Array(tensor.length), 0, tensor.length, tensor.offset);
    await file.close();
    const rest: Uint8Array[] = [];
    for (const madeRows of parts.slice(1)) rest.push(Uint8Array.from(await madeRows(0, 4)));
    expect([first, ...rest]).toEqual(before);
    expect((await ofRows()).flatMap((bytes) => [...bytes]).every((byte) => byte === 0)).toBe(true);
  });
});

/** The same tensors, at places that the file does not have. */
function cutOff(source: Awaited<ReturnType<typeof openCheckpoint>>) {
  return new Map([...source.tensors].map(([name, tensor]) => [name, { ...tensor, offset: 2 ** 40 }]));
}
