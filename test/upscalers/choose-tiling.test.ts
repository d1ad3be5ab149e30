import { describe, expect, it } from "vitest";
import { memoryBudget } from "../../engine/pipeline/memory-budget.ts";
import { chooseTiling, keepsSessions } from "../../engine/upscalers/choose-tiling.ts";

const hd = { width: 1920, height: 1080 };
const small = { width: 640, height: 480 };
const square = (side: number, overlap: number) => ({ tile: [side, side], overlap: [overlap, overlap] });

describe("tiles of the autoencoder", () => {
  it.each([
    ["a 1080p clip with 22 GB", { mode: "auto", quality: "high" }, hd, 5, 22e9, square(768, 96)],
    ["a 1080p clip with 64 GB", { mode: "auto", quality: "high" }, hd, 5, 64e9, undefined],
    ["a small clip with 22 GB", { mode: "auto", quality: "high" }, small, 5, 22e9, undefined],
    ["a 1080p picture with 22 GB", { mode: "auto", quality: "high" }, hd, 1, 22e9, undefined],
    ["a 1080p clip with 22 GB and low quality", { mode: "auto", quality: "low" }, hd, 5, 22e9, square(512, 64)],
    ["a small clip with 22 GB and low quality", { mode: "auto", quality: "low" }, small, 5, 22e9, undefined],
    ["a picture with next to no memory", { mode: "auto", quality: "high" }, hd, 1, 1e9, square(384, 48)],
    ["a clip of unknown memory", { mode: "auto", quality: "high" }, hd, 5, undefined, undefined],
    ["switched off", { mode: "off", quality: "high" }, hd, 5, 1e9, undefined],
    ["low quality", { mode: "on", quality: "low" }, small, 1, 64e9, square(512, 64)],
    ["medium quality", { mode: "on", quality: "medium" }, small, 1, 64e9, square(768, 96)],
    ["high quality", { mode: "on", quality: "high" }, small, 1, 64e9, square(1024, 128)],
    ["a size of one's own", { mode: "auto", quality: "high", size: 256, overlap: 32 }, hd, 1, 64e9, square(256, 32)],
    ["a size alone", { mode: "auto", quality: "high", size: 256 }, hd, 1, 64e9, square(256, 32)],
  ] as const)("for %s", (_what, wish, target, frames, memory, tiling) => {
    expect(chooseTiling(wish, target, frames, memory)).toEqual(tiling);
  });
});

describe("sessions of the autoencoder", () => {
  it.each([
    ["a small picture with 2 GB", small, 1, 2e9, true],
    ["a small picture with 1.5 GB", small, 1, 1.5e9, false],
    ["a 1080p clip in tiles that fill the memory", hd, 5, 19.2e9, false],
    ["a clip of unknown memory", hd, 5, undefined, true],
  ] as const)("of %s are kept: %#", (_what, target, frames, memory, kept) => {
    const tiling = chooseTiling({ mode: "auto", quality: "high" }, target, frames, memory);
    expect(keepsSessions(tiling, target, frames, memory)).toBe(kept);
  });
});

describe("memory to plan with", () => {
  it.each([
    ["the limit less a reserve, in whole GB", 8.5e9, 1e12, 6e9],
    ["less where less is free", 8e9, 5.5e9, 3e9],
    ["never nothing", 1e9, 1e9, 1e9],
  ])("is %s", (_what, limit, free, bytes) => {
    expect(memoryBudget(limit, free)).toBe(bytes);
  });
});
