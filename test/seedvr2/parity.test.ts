import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { judge } from "../../scripts/parity/comparison.ts";
import { findGoldenFolders, readGoldenFolder } from "../../scripts/parity/golden-folder.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { openTransformer } from "../../scripts/parity/networks.ts";
import { runTransformerCase } from "../../scripts/parity/run-transformer.ts";
import { runFolder } from "../../scripts/parity/run-folder.ts";
import { golden } from "../fixtures/golden-path.ts";

describe.each(["dit", "storage", "vae", "chain"])("the networks agree with the reference: %s", (kind) => {
  it("in every tensor of every case, so that a wrong block is named", async () => {
    const folder = await readGoldenFolder(golden(kind));
    expect(folder?.kind).toBe(kind);
    let compared = 0;
    for await (const { golden: goldenCase, comparison } of runFolder(folder as NonNullable<typeof folder>)) {
      const wrong = comparison.findings
        .filter(({ ok }) => !ok)
        .map((finding) => ({ case: goldenCase.name, ...finding }));
      expect(wrong).toEqual([]);
      compared += comparison.findings.length;
    }
    expect(compared).toBeGreaterThan(10);
  });
});

describe("a golden folder", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "seedvr2-parity-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is found by its weights, alone or among others, whatever its name", async () => {
    await symlink(golden("vae"), join(folder, "one"));
    await symlink(golden("storage"), join(folder, "another"));
    await symlink(golden("pipeline"), join(folder, "no-networks"));
    const found = await findGoldenFolders(folder);
    expect(found.map(({ name, folder: { kind } }) => [name, kind])).toEqual([
      ["another", "storage"],
      ["one", "vae"],
    ]);
    expect((await findGoldenFolders(join(folder, "one"))).map(({ name }) => name)).toEqual([undefined]);
  });

  it("gives a case the weights with the same text before the first dot", async () => {
    const dit = await readGoldenFolder(golden("dit"));
    const weights = dit?.cases.map(({ name, network }) => [name, network.weights.split("/").at(-1)]);
    expect(weights).toContainEqual(["dit_tiny_7b.case2", "dit_tiny_7b.weights.safetensors"]);
    expect(weights?.map(([name]) => name)).not.toContain("windows_real_sizes");
  });

  it("without weights is none", async () => {
    await writeFile(join(folder, "x.safetensors"), "");
    expect(await findGoldenFolders(folder)).toEqual([]);
  });
});

describe("quantised weights repacked in the cache", () => {
  let cache = "";
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), "seedvr2-parity-"));
  });
  afterEach(() => rm(cache, { recursive: true }));

  it.each(["q8_0", "q4_k_m"])("give what the reference gives: %s", async (type) => {
    const folder = await readGoldenFolder(golden("storage"));
    const goldenCase = folder?.cases.find(({ name }) => name === `storage_tiny_${type}.case1`);
    const network = goldenCase?.network as NonNullable<typeof goldenCase>["network"];
    const transformer = await openTransformer(network, { cacheFolder: cache });
    const file = await GoldenFile.open(goldenCase?.path ?? "");
    const { findings } = await runTransformerCase(transformer, file);
    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(findings.map(({ tensor }) => tensor)).toContain("out");
    expect(await readdir(cache)).toHaveLength(1);
  });
});

describe("a comparison", () => {
  const values = Float32Array.of(1, 2, -4);
  it.each([
    ["equal values", [1, 2, -4], true],
    ["one beyond the aim", [1, 2, -4.02], false],
    ["one within the aim", [1, 2, -4.005], true],
    ["a value that is no number", [1, Number.NaN, -4], false],
  ])("of %s", (_, computed, ok) => {
    expect(judge("x", Float32Array.from(computed), values, () => ({ max: 0.01 })).ok).toBe(ok);
  });
});
