import { chmod, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
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
import type { StoredType } from "../../engine/weights/stored-type.ts";
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

describe("repacked GGUF blocks", () => {
  it.each(Object.keys(ggmlTypes) as Quantised[])(
    "of %s become the same values in the runtime, bit for bit",
    async (type) => {
      const { path, rows, columns, raw } = await quantisedFile(type);
      const file = await openNetworkFile(path, join(folder, "cache"));
      expect(file.checkpoint.format).toBe("safetensors");
      const at: Graph = new Graph({ name: "weights", weights: new WeightDemands(file) });
      at.output("whole", at.weight("w", [rows, columns]));
      at.output("part", at.weight("w", [rows, columns], { from: 3, to: 7 }));
      at.output("vector", at.weight("v", [columns]));
      const session = await GraphSession.create(at, { provider: "cpu", threads: 1, prepack: false });
      try {
        const { whole, part, vector } = await session.run({});
        const expected = decode(type satisfies StoredType, raw);
        expect(whole?.data).toEqual(expected);
        expect(part?.data).toEqual(expected.slice(3 * columns, 7 * columns));
        expect(vector?.data).toEqual(expected.slice(0, columns));
      } finally {
        await session.close();
      }
    },
  );

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
    expect(await removeRepackedFiles(cache)).toBe(file?.bytes);
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
    const { path, raw } = await quantisedFile("Q6_K");
    await writeFile(join(folder, "file"), "");
    const { read, weights, warnings } = await openNetworkFile(path, join(folder, "file", "cache"));
    expect(warnings).toEqual([expect.stringContaining("ENOTDIR")]);
    const weight = weights.get("w");
    expect(weight && (await read(weight))).toEqual(decode("Q6_K", raw));
  });
});

/** The same tensors, at places that the file does not have. */
function cutOff(source: Awaited<ReturnType<typeof openCheckpoint>>) {
  return new Map([...source.tensors].map(([name, tensor]) => [name, { ...tensor, offset: 2 ** 40 }]));
}
