import { describe, expect, it } from "vitest";
import { rotaryFrequencies, textAngles, videoAngles } from "../../engine/seedvr2/rotary.ts";
import { timestepFeatures } from "../../engine/seedvr2/timestep.ts";
import { tokenOrder } from "../../engine/seedvr2/token-order.ts";

describe("rotary frequencies", () => {
  it.each([
    ["language", 128, 21, 1, 10_000 ** (-40 / 42)],
    ["language", 32, 5, 1, 10_000 ** (-8 / 10)],
    ["pixel", 128, 10, Math.PI, 128 * Math.PI],
    ["pixel", 32, 2, Math.PI, 128 * Math.PI],
  ] as const)("%s, headDim %i: %i of them, from %d to %d", (rotary, headDim, count, first, last) => {
    const frequencies = rotaryFrequencies({ rotary, headDim });
    expect(frequencies.length).toBe(count);
    expect(frequencies[0]).toBeCloseTo(first, 12);
    expect(frequencies.at(-1)).toBeCloseTo(last, 9);
  });
});

describe("rotary angles", () => {
  const order = tokenOrder([2, 1, 3], [[0, 2, 0, 1, 1, 3]]);
  const angle = (table: { cosines: Float32Array; sines: Float32Array }, at: number) =>
    Math.atan2(table.sines[at] ?? 0, table.cosines[at] ?? 0);

  it("of language: time starts behind the text, rows and columns restart in each window", () => {
    const angles = videoAngles({ rotary: "language", headDim: 8 }, [0.1], order, 7);
    // Second row: t 0, h 0, w 1 of the window, wherever the window lies; the last pair stands still.
    expect([4, 5, 6, 7].map((i) => angle(angles, i))).toEqual([expect.closeTo(0.7, 6), 0, expect.closeTo(0.1, 6), 0]);
  });

  it("of pixels: positions from −1 to 1 over the window, −1 where it is one element wide", () => {
    const angles = videoAngles({ rotary: "pixel", headDim: 6 }, [0.5], order, 7);
    expect([0, 1, 2].map((i) => angle(angles, i))).toEqual([-0.5, -0.5, -0.5].map((a) => expect.closeTo(a, 6)));
    const last = angles.rows * angles.pairs - 3;
    expect([0, 1, 2].map((i) => angle(angles, last + i))).toEqual([0.5, -0.5, 0.5].map((a) => expect.closeTo(a, 6)));
  });

  it("of text: row i stands at i on all axes", () => {
    const angles = textAngles(6, [0.25], 3);
    expect([6, 7, 8].map((i) => angle(angles, i))).toEqual([0.5, 0.5, 0.5].map((a) => expect.closeTo(a, 6)));
  });
});

describe("timestep features", () => {
  it("are sines, then cosines, the first at the timestep itself", () => {
    const features = timestepFeatures(2, 4);
    expect([...features]).toEqual(
      [Math.sin(2), Math.sin(0.02), Math.cos(2), Math.cos(0.02)].map((v) => expect.closeTo(v, 6)),
    );
  });
});
