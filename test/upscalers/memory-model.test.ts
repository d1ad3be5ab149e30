import { describe, expect, it } from "vitest";
import { processor, type DeviceChoice } from "../../engine/onnx/device-choice.ts";
import { STRIPE } from "../../engine/onnx/matmul.ts";
import {
  autoencoderPeak,
  keptSessionsPeak,
  memoryNeed,
  type BatchShape,
  type TransformerShape,
} from "../../engine/upscalers/memory-model.ts";

const block = { weights: "own", hidden: 6912, videoOnly: false } as const;
const small: TransformerShape = { dim: 2560, mlp: "swiglu", blocks: [block], plain: false };
const large: TransformerShape = { dim: 3072, mlp: "gelu", blocks: [{ ...block, hidden: 12_288 }], plain: false };
const hd: BatchShape = { target: { width: 1920, height: 1080 }, frames: 5, tileSide: Infinity };
const gpu: DeviceChoice = { provider: "cuda", attention: "fused", arithmetic: "fp16", memory: 24e9 };
const peak = (batch: BatchShape, transformer = small, choice = processor) =>
  memoryNeed(batch, transformer, choice).peak;

describe("the memory SeedVR2 needs", () => {
  it.each([
    ["width", { ...hd, target: { width: 3840, height: 1080 } }, hd],
    ["height", { ...hd, target: { width: 1920, height: 2160 } }, hd],
    ["frames of a batch", { ...hd, frames: 9 }, hd],
    ["a clip instead of a picture", hd, { ...hd, frames: 1 }],
    ["the tiles' side", { ...hd, tileSide: 1024 }, { ...hd, tileSide: 896 }],
    ["no tiles", hd, { ...hd, tileSide: 1024 }],
    ["an odd pixel that begins a patch", { ...hd, target: { width: 1921, height: 1080 } }, hd],
  ] as const)("grows with %s", (_what, more, less) => {
    expect(peak(more)).toBeGreaterThan(peak(less));
  });

  /** In small tiles the transformer is what counts. */
  const tiled = { ...hd, frames: 45, tileSide: 384 };

  it.each([
    ["a wider network", peak(tiled, large), peak(tiled, small)],
    ["weights to convert", peak(tiled), peak(tiled, { ...small, plain: true })],
    ["its widest block", peak(tiled, { ...small, blocks: [block, { ...block, hidden: 8000 }] }), peak(tiled)],
    ["a block's weights on a GPU", peak(tiled, large, gpu), peak(tiled, large)],
    ["weights in fp32 on a GPU", peak(tiled, large, { ...gpu, arithmetic: "fp32" }), peak(tiled, large, gpu)],
    ["weights of their own for text on a GPU", peak(tiled, large, gpu), peak(tiled, shared(large), gpu)],
  ])("grows with %s", (_what, more, less) => {
    expect(more).toBeGreaterThan(less);
  });

  it("is that of the largest stage and what is held beside it", () => {
    for (const batch of [hd, tiled, { ...hd, frames: 1 }]) {
      const { encode, transformer, decode, beside, peak: all } = memoryNeed(batch, small, processor);
      expect(all).toBe(beside + Math.max(encode, transformer, decode));
    }
    expect(memoryNeed(hd, small, processor).decode).toBeGreaterThan(memoryNeed(hd, small, processor).transformer);
    expect(memoryNeed(tiled, small, processor).transformer).toBeGreaterThan(memoryNeed(tiled, small, processor).decode);
  });

  it("is by tokens what a block holds: 8,160 of a 1080p picture and 58 rows of text, 31,744 values each", () => {
    const values = (8160 + 58) * (2 * 6912 + 7 * 2560) * 4;
    const picture = { ...hd, frames: 1 };
    expect(memoryNeed(picture, { ...small, plain: true }, processor).transformer).toBe(values);
    expect(memoryNeed(picture, small, processor).transformer).toBe(values + 2 * STRIPE * 6912 * 4);
  });

  it("does not grow with a picture that is no larger than a tile", () => {
    const tile = { ...hd, target: { width: 512, height: 512 } };
    expect(autoencoderPeak({ ...tile, tileSide: 1024 })).toBe(autoencoderPeak(tile));
    expect(keptSessionsPeak(tile)).toBeGreaterThan(autoencoderPeak(tile));
  });
});

function shared(transformer: TransformerShape): TransformerShape {
  return { ...transformer, blocks: transformer.blocks.map((one) => ({ ...one, weights: "shared" })) };
}
