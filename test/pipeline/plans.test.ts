import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { picturePlan } from "../../engine/pipeline/picture-plan.ts";
import { tileSide } from "../../engine/pipeline/tile-side.ts";
import { temporaryFolder } from "../temporary-folder.ts";

describe("the memory a picture's task plans with", () => {
  it("is kept in its work folder", async () => {
    const folder = await temporaryFolder();
    const first = await picturePlan({ workDir: folder });
    const [file] = await readdir(folder);
    expect(await picturePlan({ workDir: folder })).toBe(first);
    await writeFile(join(folder, file as string), JSON.stringify({ memory: 3e9 }));
    expect(await picturePlan({ workDir: folder })).toBe(3e9);
  });
});

describe("the side of tiles", () => {
  const seedvr2 = { name: "m", kind: "seedvr2", path: "m", autoencoder: "a", prompt: null, cacheDir: "c" } as const;
  const builtin = { name: "b", kind: "builtin", path: "b" } as const;
  const hd = { width: 1920, height: 1080 };

  it.each([
    ["where memory is short", seedvr2, hd, {}, 14e9, 640],
    ["where memory is plenty", seedvr2, hd, {}, 64e9, null],
    ["where tiles are wished for", seedvr2, hd, { vae_tiling: "on", vae_quality: "medium" }, 64e9, 768],
    ["where a frame fits into a tile", seedvr2, { width: 320, height: 240 }, { vae_tile_size: 512 }, 64e9, null],
    ["with a model without an autoencoder", builtin, hd, { vae_tiling: "on" }, 1e9, null],
  ] as const)("%s is right", (_where, model, target, parameters, memory, side) => {
    expect(tileSide({ kind: "video", model, target, parameters }, memory)).toBe(side);
  });
});
