import { describe, expect, it } from "vitest";
import { samples } from "../../engine/media/frame.ts";
import type { Frame, Samples } from "../../engine/media/frame.ts";
import { resizeFrame } from "../../engine/media/resize.ts";

/** A frame whose values rise along x by `step` a pixel. */
function ramp(width: number, height: number, depth: 8 | 16, step: number): Frame {
  const rgb = samples(depth, width * height * 3).map((_, i) => (Math.floor(i / 3) % width) * step) as Samples;
  const alpha = samples(depth, width * height).map((_, i) => (i % width) * step) as Samples;
  return { width, height, depth, rgb, alpha, time: 7n };
}

describe("resizing", () => {
  it.each([
    [2, 8, 10],
    [3, 8, 10],
    [1.5, 8, 10],
    [0.5, 8, 10],
    [2, 16, 2000],
    [0.5, 16, 2000],
  ] as const)("by %d leaves pixel centres where they are, %i bits", async (factor, depth, step) => {
    const source = ramp(20, 6, depth, step);
    const size = { width: 20 * factor, height: 6 * factor };
    const made = await resizeFrame(source, size.width, size.height);
    expect(made).toMatchObject({ ...size, depth, time: 7n });
    const middle = Math.floor(size.height / 2) * size.width;
    for (let x = Math.ceil(4 * factor); x < 16 * factor; x++) {
      const expected = ((x + 0.5) / factor - 0.5) * step;
      expect(Math.abs(made.rgb[(middle + x) * 3]! - expected)).toBeLessThan(step * 0.06 + 0.51);
      expect(Math.abs(made.alpha![middle + x]! - expected)).toBeLessThan(step * 0.06 + 0.51);
    }
  });

  it.each([8, 16] as const)("keeps a flat area exactly flat and stays within the range, %i bits", async (depth) => {
    const peak = 2 ** depth - 1;
    const flat = { width: 5, height: 5, depth, time: 0n, rgb: samples(depth, 75).fill(peak) };
    const made = await resizeFrame(flat, 13, 11);
    expect(made.rgb.every((value) => value === peak)).toBe(true);
  });

  it("hands on a frame that has the size already", async () => {
    const frame = ramp(4, 4, 8, 9);
    expect(await resizeFrame(frame, 4, 4)).toBe(frame);
  });
});
