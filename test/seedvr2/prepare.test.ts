import { describe, expect, it } from "vitest";
import type { Planes } from "../../engine/colour/planes.ts";
import { frameSizes, prepareFrames, resizeBicubic } from "../../engine/seedvr2/resize.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { judge } from "../../scripts/parity/comparison.ts";
import { golden } from "../fixtures/golden-path.ts";

async function synthetic() {
  const file = await GoldenFile.open(golden("pipeline/synthetic.safetensors"));
  const { shape, data } = await file.tensor("src");
  const [channels = 0, height = 0, width = 0] = shape;
  return { file, source: { frames: 1, channels, height, width, data } satisfies Planes };
}

describe("prepared frames are the reference's", () => {
  it.each([
    [40, 0],
    [52, 0],
    [83, 0],
    [96, 110],
  ])("for a shortest side of %i, at most %i long", async (resolution, most) => {
    const { file, source } = await synthetic();
    const sizes = frameSizes(source, resolution, most);
    const name = `short${resolution}_max${most}`;
    const prepared = await file.tensor(name);
    expect([3, 1, sizes.padded.height, sizes.padded.width]).toEqual(prepared.shape);
    const resized = sizes.resized.reduce<Planes>((planes, size) => resizeBicubic(planes, size), source);
    const only = await file.tensor(`${name}.resized_only`);
    expect([1, 3, resized.height, resized.width]).toEqual(only.shape);
    const aims = [
      judge(name, resized.data, only.data, () => ({ max: 5e-6, mean: 5e-7 })),
      judge(name, prepareFrames(source, sizes).data, prepared.data, () => ({ max: 1e-5, mean: 1e-6 })),
    ];
    expect(aims.filter(({ ok }) => !ok)).toEqual([]);
  });

  it("bit for bit the source where the size stays", async () => {
    const { source } = await synthetic();
    expect(resizeBicubic(source, source).data).toEqual(source.data);
  });
});

describe("sizes", () => {
  it.each([
    ["the long side is truncated, both come out even", 60, 80, 101, 0, [101, 134], [100, 134], [112, 144]],
    ["landscape and portrait alike", 80, 60, 101, 0, [134, 101], [134, 100], [144, 112]],
    ["a square", 10, 10, 33, 0, [33, 33], [32, 32], [48, 48]],
    ["bounded by the longest side", 60, 64, 96, 88, [83, 88], [82, 88], [96, 96]],
    ["already within the bound", 60, 64, 48, 88, [48, 51], [48, 50], [48, 64]],
  ])("%s", (_, height, width, resolution, most, resized, result, padded) => {
    const sizes = frameSizes({ height, width }, resolution, most);
    const sides = (size?: { height: number; width: number }) => [size?.height, size?.width];
    expect([sides(sizes.resized.at(-1)), sides(sizes.result), sides(sizes.padded)]).toEqual([resized, result, padded]);
  });
});
