import { describe, expect, it } from "vitest";
import type { Planes } from "../../engine/colour/planes.ts";
import { referenceAlpha } from "../../scripts/parity/reference-alpha.ts";

function planes(channels: number, side: number, value: (x: number, y: number) => number): Planes {
  const one = Float32Array.from({ length: side * side }, (_, i) => value(i % side, Math.floor(i / side)));
  const data = new Float32Array(channels * one.length);
  for (let c = 0; c < channels; c++) data.set(one, c * one.length);
  return { frames: 1, channels, height: side, width: side, data };
}

describe("the reference's alpha", () => {
  const flat = planes(3, 20, () => 0.5);

  it("falls off at the border even where it is solid, because its means count zeros outside", () => {
    const { guided } = referenceAlpha(
      planes(1, 10, () => 1),
      flat,
    );
    expect(guided.data[10 * 20 + 10]).toBeCloseTo(1, 5);
    expect(guided.data[0]).toBeLessThan(0.5);
  });

  it("of a soft alpha is the filter's, clamped, with a wider box", () => {
    const { guided, out } = referenceAlpha(
      planes(1, 10, (x) => x / 9),
      flat,
    );
    expect(Array.from(out.data)).toEqual(Array.from(guided.data, (value) => Math.min(1, Math.max(0, value))));
  });

  it("of a mask is all or nothing where the picture has no edge", () => {
    const { edges, out } = referenceAlpha(
      planes(1, 10, (x) => (x < 5 ? 0 : 1)),
      flat,
    );
    expect(new Set(edges.data)).toEqual(new Set([0]));
    expect(new Set(out.data)).toEqual(new Set([0, 1]));
  });

  it("sees an edge where the picture steps, strongest as 1", () => {
    const { edges } = referenceAlpha(
      planes(1, 10, () => 1),
      planes(3, 20, (x) => (x < 8 ? 0.2 : 0.8)),
    );
    expect([...edges.data.subarray(100, 120)].flatMap((value, x) => (value > 0 ? [x, value] : []))).toEqual([
      7, 1, 8, 1,
    ]);
  });
});
