import { describe, expect, it } from "vitest";
import { planesFromRows, rowsFromPlanes } from "../../engine/seedvr2/latent-layout.ts";
import { noiseStreams, normalNoise, philox } from "../../engine/seedvr2/noise.ts";
import {
  denoised,
  noisedInput,
  softenedCondition,
  softeningTime,
  transformerInput,
} from "../../engine/seedvr2/sampler.ts";

describe("noise", () => {
  // Known answers of Random123 for philox4x32-10.
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)("comes from Philox 4×32-10: counter %j", (counter, key, expected) => {
    expect(philox(counter, key)).toEqual(expected);
  });

  const shape = { frames: 2, height: 12, width: 20, channels: 16 };

  it("is standard normal", () => {
    const values = normalNoise({ ...shape, height: 60 }, 42, noiseStreams.latent);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
    const tails = values.filter((value) => Math.abs(value) > 1.96).length / values.length;
    expect(Math.abs(tails - 0.05)).toBeLessThan(0.01);
  });

  it("at a place does not depend on how much is drawn", () => {
    const all = normalNoise(shape, 42, noiseStreams.latent);
    const part = normalNoise({ frames: 1, height: 12, width: 20, channels: 16 }, 42, noiseStreams.latent);
    expect(all.subarray(0, part.length)).toEqual(part);
    const narrow = normalNoise({ ...shape, width: 5 }, 42, noiseStreams.latent);
    const at = (values: Float32Array, width: number) => values[((1 * 12 + 3) * width + 4) * 16 + 9];
    expect(at(narrow, 5)).toBe(at(all, 20));
  });

  it.each([
    ["another seed", 43, noiseStreams.latent],
    ["another stream", 42, noiseStreams.augmentation],
  ])("is another for %s", (_, seed, stream) => {
    expect(normalNoise(shape, seed, stream)).not.toEqual(normalNoise(shape, 42, noiseStreams.latent));
  });

  it("of the largest seed is as good as any", () => {
    expect(normalNoise(shape, 4_294_967_295, 0).every(Number.isFinite)).toBe(true);
  });
});

describe("the sampler", () => {
  it("puts noise, condition and a mask of 1 beside each other", () => {
    const rows = transformerInput({ cells: 2, channels: 2 }, Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8));
    expect([...rows]).toEqual([1, 2, 5, 6, 1, 3, 4, 7, 8, 1]);
  });

  it("subtracts the predicted velocity from the noise", () => {
    expect([...denoised(Float32Array.of(1, 2), Float32Array.of(0.25, -1))]).toEqual([0.75, 3]);
  });

  // The values that golden/chain's cases were made with: (h, w, channels) stands where (t, h, w) is meant.
  it.each([
    ["clip_prepend", 0.3, [2, 8, 10], 0.28611],
    ["picture_windows", 0.1, [1, 42, 44], 0.11354],
  ] as const)("softens the condition of %s as far as the reference does", (_, scale, extent, time) => {
    expect(softeningTime(scale, extent, 16)).toBeCloseTo(time, 5);
  });

  it("mixes noise into condition and input by their scales", () => {
    const noises = { sampler: Float32Array.of(10), own: Float32Array.of(20) };
    expect(softenedCondition(Float32Array.of(4), noises, 0.25)[0]).toBe(0.75 * 4 + 0.25 * 2);
    expect(noisedInput(Float32Array.of(1), Float32Array.of(2), 0.5)[0]).toBeCloseTo(1.025, 6);
  });
});

describe("latents", () => {
  it("become rows and planes again", () => {
    const planes = {
      frames: 2,
      channels: 3,
      height: 1,
      width: 2,
      data: Float32Array.from({ length: 12 }, (_, i) => i),
    };
    const rows = rowsFromPlanes(planes, 2);
    expect([...rows.subarray(0, 6)]).toEqual([0, 4, 8, 2, 6, 10]);
    expect(planesFromRows(rows, planes, 2)).toEqual(planes);
  });
});
