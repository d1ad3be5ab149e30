import { describe, expect, it } from "vitest";
import { colourCorrections } from "../../engine/colour/colour-correction.ts";
import { hueSaturationValue } from "../../engine/colour/hsv.ts";
import type { Planes } from "../../engine/colour/planes.ts";
import { ascending, rankMatched } from "../../engine/colour/rank-match.ts";
import { pulledDown } from "../../engine/colour/wavelet-adaptive.ts";
import { judge, type Aim } from "../../scripts/parity/comparison.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { golden } from "../fixtures/golden-path.ts";

async function clip(name: string): Promise<Planes> {
  const { shape, data } = await (await GoldenFile.open(golden("pipeline/synthetic.safetensors"))).tensor(name);
  const [frames = 0, channels = 0, height = 0, width = 0] = shape;
  return { frames, channels, height, width, data };
}

/** Values of pixels whose saturation no other pixel has: only those are ranked alike by everybody. */
function untied(content: Planes, values: Float32Array): Float32Array {
  const { second } = hueSaturationValue(content);
  const counts = new Map<number, number>();
  for (const value of second) counts.set(value, (counts.get(value) ?? 0) + 1);
  const area = content.height * content.width;
  return values.filter((_, i) => {
    const pixel = Math.floor(i / (content.channels * area)) * area + (i % area);
    return counts.get(second[pixel] ?? 0) === 1;
  });
}

describe("colour corrections are the reference's", () => {
  it.each<[keyof typeof colourCorrections, Aim]>([
    ["wavelet", { max: 2e-6, mean: 2e-7 }],
    ["adain", { max: 2e-6, mean: 2e-7 }],
    ["lab", { max: 3e-3, mean: 2e-6 }],
    ["hsv", { mean: 3e-3 }],
    ["wavelet_adaptive", { mean: 5e-4 }],
  ])("%s", async (method, aim) => {
    const result = colourCorrections[method](await clip("content"), await clip("style"));
    expect(judge(method, result.data, (await clip(method)).data, () => aim)).toMatchObject({ ok: true });
  });

  it("hsv, closely where saturations are not tied", async () => {
    const [content, style] = [await clip("content"), await clip("style")];
    const computed = untied(content, colourCorrections.hsv(content, style).data);
    const expected = untied(content, (await clip("hsv")).data);
    expect(computed.length).toBeGreaterThan(content.data.length / 2);
    // Saturations that differ by rounding alone may still change ranks.
    const aim: Aim = { mean: 5e-7, share: { over: 5e-4, most: 1e-4 } };
    expect(judge("hsv", computed, expected, () => aim)).toMatchObject({ ok: true });
  });

  it("wavelet_adaptive, closely, from the reference's own two results", async () => {
    const [content, style] = [await clip("content"), await clip("style")];
    const result = pulledDown({ content, style, plain: await clip("wavelet"), restrained: await clip("hsv") });
    const aim = { max: 1e-6, mean: 1e-8 };
    const finding = judge("blend", result.data, (await clip("wavelet_adaptive")).data, () => aim);
    expect(finding).toMatchObject({ ok: true });
  });

  it("none leaves frames as they are", async () => {
    const content = await clip("content");
    expect(colourCorrections.none(content)).toBe(content);
  });
});

describe("ranks", () => {
  it("order all kinds of numbers, equal ones by place", () => {
    const values = Float32Array.of(3, -1, 0, -0, 1e-40, -2e30, 3, Number.POSITIVE_INFINITY, -1);
    expect([...ascending(values)]).toEqual([5, 1, 8, 3, 2, 4, 0, 6, 7]);
  });

  it("hand the k-th smallest the k-th smallest target, also where counts differ", () => {
    expect([...rankMatched(Float32Array.of(5, 1, 3), Float32Array.of(20, 30, 10))]).toEqual([30, 10, 20]);
    expect([...rankMatched(Float32Array.of(5, 1, 3, 4), Float32Array.of(20, 30, 10))]).toEqual([30, 10, 10, 20]);
    expect([...rankMatched(Float32Array.of(7), Float32Array.of(2, 1))]).toEqual([1]);
  });
});
