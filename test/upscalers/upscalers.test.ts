import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { Samples } from "../../engine/media/frame.ts";
import { openNetwork } from "../../engine/onnx/open-network.ts";
import { builtinUpscaler } from "../../engine/upscalers/builtin.ts";
import { tilesOf } from "../../engine/upscalers/tiles.ts";
import { withAlpha } from "../../engine/upscalers/with-alpha.ts";
import { identityUpscaler } from "../contracts/identity-upscaler.ts";
import { aFrame, upscalerContract } from "../contracts/upscaler-contract.ts";

const path = resolve(import.meta.dirname, "../../models/builtin_x2.onnx");
const open = () => openNetwork({ path, device: "cpu", threads: 1, small: true });

const worstDifference = (a: Samples, b: Samples) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

upscalerContract("identity", 1, async () => identityUpscaler());
const builtin = async () => withAlpha(builtinUpscaler(await open()));
upscalerContract("built-in ×2", 2, builtin);
upscalerContract("built-in ×3, by two passes and a resample", 3, builtin);

describe("the built-in model", () => {
  it.each([8, 16] as const)("gives the same in tiles as whole, to rounding, with %i bits", async (depth) => {
    const network = await open();
    const batch = { frames: [aFrame(97, 61, { depth })], owned: { start: 0, count: 1 }, first: 0 };
    const target = { width: 194, height: 122 };
    const [whole] = await builtinUpscaler(network).upscale(batch, target);
    const [tiled] = await builtinUpscaler(network, 32).upscale(batch, target);
    expect(worstDifference(whole!.rgb, tiled!.rgb)).toBeLessThanOrEqual(1);
    await network.close();
  });

  it("computes with 16 bits what it computes with 8, only finer", async () => {
    const network = await open();
    const upscaler = builtinUpscaler(network);
    const target = { width: 80, height: 60 };
    const coarse = aFrame(40, 30);
    const fine = { ...coarse, depth: 16 as const, rgb: Uint16Array.from(coarse.rgb, (value) => value * 257) };
    const owned = { start: 0, count: 1 };
    const [from8] = await upscaler.upscale({ frames: [coarse], owned, first: 0 }, target);
    const [from16] = await upscaler.upscale({ frames: [fine], owned, first: 0 }, target);
    const widened = Uint16Array.from(from8!.rgb, (value) => value * 257);
    expect(worstDifference(widened, from16!.rgb)).toBeLessThanOrEqual(129);
    await network.close();
  });

  it("stops between tiles when it is told to", async () => {
    const network = await open();
    const batch = { frames: [aFrame(64, 64)], owned: { start: 0, count: 1 }, first: 0 };
    const made = builtinUpscaler(network, 32).upscale(
      batch,
      { width: 128, height: 128 },
      { signal: AbortSignal.abort() },
    );
    await expect(made).rejects.toThrow();
    await network.close();
  });
});

describe("tiles", () => {
  it.each([
    [10, 10, 32],
    [100, 37, 32],
    [65, 64, 64],
    [1, 500, 100],
  ])("of %i×%i pixels at most %i own each pixel once and read a margin around", (width, height, size) => {
    const tiles = tilesOf(width, height, size, 12);
    const owners = new Uint8Array(width * height);
    for (const { x, y, width: w, height: h, kept } of tiles) {
      expect(Math.max(kept.width, kept.height)).toBeLessThanOrEqual(size);
      expect(x).toBe(Math.max(0, kept.x - 12));
      expect(y + h).toBe(Math.min(height, kept.y + kept.height + 12));
      expect(x + w).toBe(Math.min(width, kept.x + kept.width + 12));
      for (let j = kept.y; j < kept.y + kept.height; j++)
        for (let i = kept.x; i < kept.x + kept.width; i++) owners[j * width + i]! += 1;
    }
    expect(owners.every((count) => count === 1)).toBe(true);
  });
});
