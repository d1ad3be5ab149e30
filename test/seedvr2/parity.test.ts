import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { f32Data, writeSafetensors } from "../../engine/weights/safetensors-writer.ts";
import { Comparison, judge } from "../../scripts/parity/comparison.ts";
import { findGoldenFolders, readGoldenFolder } from "../../scripts/parity/golden-folder.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { openTransformer } from "../../scripts/parity/networks.ts";
import { runTransformerCase } from "../../scripts/parity/run-transformer.ts";
import { runFolder } from "../../scripts/parity/run-folder.ts";
import { golden } from "../fixtures/golden-path.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { changedCheckpoint } from "./changed-checkpoint.ts";

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

  it.each(["q8_0", "q4_k_m", "q5_k"])("give what the reference gives: %s", async (type) => {
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

  it("leaves out what the golden does not hold, with alpha as without", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "case.safetensors");
    await writeSafetensors(path, new Map([["other", f32Data([1], Float32Array.of(1))]]));
    const comparison = new Comparison(await GoldenFile.open(path), () => ({ max: 0.01 }));
    await comparison.compare("final", [1, 1, 1, 3], values);
    await comparison.compareRgba("final", [1, 1, 1, 4], values, Float32Array.of(1));
    expect(comparison.findings).toEqual([]);
    expect([...comparison.computed]).toEqual([]);
  });
});

describe("npm run parity", () => {
  /** Runs the script to its end. */
  const run = async (...args: string[]) => {
    const script = join(import.meta.dirname, "../../scripts/parity.ts");
    const { exitCode, stdout } = await execa("node", ["--import", "tsx", script, ...args], { reject: false });
    return { code: exitCode, lines: stdout.split("\n") };
  };

  /** The smallest case of the fixtures, in a folder of its own. */
  const put = async (folder: string) => {
    await mkdir(folder, { recursive: true });
    for (const part of ["weights.safetensors", "config.json", "case1.safetensors"]) {
      await copyFile(golden(`dit/dit_tiny_3b.${part}`), join(folder, `dit_tiny_3b.${part}`));
    }
    return join(folder, "dit_tiny_3b.case1.safetensors");
  };

  it("succeeds within the aims, and writes what it computed under the golden's names", async () => {
    const folder = await temporaryFolder();
    const path = await put(join(folder, "goldens"));
    const out = join(folder, "made", "out");
    const { code, lines } = await run(join(folder, "goldens"), "--out", out);
    expect(code).toBe(0);
    expect(lines.at(-1)).toMatch(/^[1-9]\d* tensors compared, 0 beyond their aim\.$/);
    expect(await readdir(out)).toEqual(["dit_tiny_3b.case1.safetensors"]);
    const [made, wanted] = [
      await GoldenFile.open(join(out, "dit_tiny_3b.case1.safetensors")),
      await GoldenFile.open(path),
    ];
    expect(wanted.names).toEqual(expect.arrayContaining(made.names));
    expect((await made.tensor("out")).shape).toEqual((await wanted.tensor("out")).shape);
  });

  it("fails beyond them, names the tensor, and keeps folders of a folder apart", async () => {
    const folder = await temporaryFolder();
    await put(join(folder, "goldens", "right"));
    const path = await put(join(folder, "goldens", "wrong"));
    await changedCheckpoint(golden("dit/dit_tiny_3b.case1.safetensors"), path, (tensors) => {
      const { shape = [], bytes = new Uint8Array() } = tensors.get("out") ?? {};
      const data = new Float32Array(Uint8Array.from(bytes).buffer);
      data[3] = (data[3] ?? 0) + 0.1;
      tensors.set("out", f32Data(shape, data));
    });
    const { code, lines } = await run(join(folder, "goldens"), "--out", join(folder, "out"));
    expect(code).toBe(1);
    expect(lines.filter((line) => line.includes("BEYOND"))).toEqual([expect.stringMatching(/ out .*BEYOND/)]);
    expect(lines.at(-1)).toMatch(/, 1 beyond their aim\.$/);
    expect((await readdir(join(folder, "out"))).sort()).toEqual(["right", "wrong"]);
    expect(await readdir(join(folder, "out", "wrong"))).toEqual(["dit_tiny_3b.case1.safetensors"]);
  });
});
