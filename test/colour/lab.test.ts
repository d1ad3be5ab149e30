import { describe, expect, it } from "vitest";
import { labFromRgb, rgbFromLab, type Triple } from "../../engine/colour/cielab.ts";
import { colourCorrections, correctionIn, type ColourMethod } from "../../engine/colour/colour-correction.ts";
import type { Planes } from "../../engine/colour/planes.ts";
import { rankMatched, rankMatchedByHistogram } from "../../engine/colour/rank-match.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { golden } from "../fixtures/golden-path.ts";
import { seededRandom } from "../weights/checkpoint-bytes.ts";

type Colour = readonly [number, number, number];
const BLUE: Colour = [-0.8, -0.7, 0.6];
const RED: Colour = [0.7, -0.75, -0.8];

function clipOf(height: number, width: number, colour: (x: number, y: number) => Colour): Planes {
  const area = height * width;
  const data = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) {
    colour(i % width, Math.floor(i / width)).forEach((value, c) => void (data[c * area + i] = value));
  }
  return { frames: 1, channels: 3, height, width, data };
}

/** A third flat blue, a third flat red, a third shaded. */
function flatAreas(change: (value: number) => number): Planes {
  return clipOf(90, 150, (x, y) => {
    const shaded: Colour = [Math.sin(x / 9), 0.5 * Math.cos(y / 7), Math.sin((x + y) / 20)];
    const colour = x < 50 ? BLUE : x < 100 ? RED : shaded;
    return colour.map(change) as unknown as Colour;
  });
}

/** The mean colour of columns `from` … `to`, edges to other areas left out. */
function meanColour({ height, width, data }: Planes, from: number, to: number): number[] {
  return [0, 1, 2].map((c) => {
    let sum = 0;
    for (let y = 0; y < height; y++)
      for (let x = from; x < to; x++) sum += data[(c * height + y) * width + x] as number;
    return sum / height / (to - from);
  });
}

function differences(a: Planes, b: Planes): { most: number; mean: number } {
  const all = Array.from(a.data, (value, i) => Math.abs(value - (b.data[i] as number)) / 2);
  return { most: Math.max(...all), mean: all.reduce((sum, value) => sum + value, 0) / all.length };
}

describe.each(["exact", "histogram"] as const)("lab, %s", (form) => {
  const lab = correctionIn(form, "lab");

  it("keeps large flat areas of blue and red in their hues", () => {
    const random = seededRandom(3);
    const style = flatAreas((value) => value);
    // What a network does: more contrast, a tint, fine noise.
    const content = flatAreas((value) => Math.min(1, 1.1 * value + 0.04 + 0.02 * (random() - 0.5)));
    const result = lab(content, style);
    for (const [from, to, colour] of [
      [20, 35, BLUE],
      [65, 85, RED],
    ] as const) {
      meanColour(result, from, to).forEach((value, c) =>
        expect(Math.abs(value - (colour[c] as number))).toBeLessThan(0.03),
      );
    }
  });

  it("gives what it gets where both are the same", () => {
    const style = flatAreas((value) => value);
    expect(differences(lab(style, style), style).most).toBeLessThan(2e-3);
  });

  it("takes one colour to another", () => {
    const result = lab(
      clipOf(20, 30, () => RED),
      clipOf(20, 30, () => BLUE),
    );
    expect(
      differences(
        result,
        clipOf(20, 30, () => BLUE),
      ).most,
    ).toBeLessThan(1e-5);
  });
});

describe("the histogram form of lab", () => {
  it("keeps to 1/255 of the exact one, and 1e-4 in the mean", async () => {
    const { shape, data } = await (await GoldenFile.open(golden("pipeline/synthetic.safetensors"))).tensor("content");
    const [frames = 0, channels = 0, height = 0, width = 0] = shape;
    const content = { frames, channels, height, width, data };
    const style = {
      ...content,
      data: (await (await GoldenFile.open(golden("pipeline/synthetic.safetensors"))).tensor("style")).data,
    };
    const [quick, exact] = [correctionIn("histogram", "lab")(content, style), colourCorrections.lab(content, style)];
    const { most, mean } = differences(quick, exact);
    expect(most).toBeLessThan(1 / 255);
    expect(mean).toBeLessThan(1e-4);
    expect(most).toBeGreaterThan(0);
  });

  it.each([
    ["many targets for few values", [5, 1, 3], [20, 30, 10, 40]],
    ["few targets for many values", [5, 1, 3, 4, 2], [20, 10]],
    ["one value", [7], [2, 1]],
    ["equal values", [1, 1, 1], [5, 4, 6]],
    ["equal targets", [3, 1, 2], [5, 5, 5]],
  ])("ranks well apart values as sorting does: %s", (_what, values, targets) => {
    const [own, wanted] = [Float32Array.from(values), Float32Array.from(targets)];
    const exact = rankMatched(own, wanted);
    expect(rankMatchedByHistogram(own, wanted)).toHaveLength(exact.length);
    rankMatchedByHistogram(own, wanted).forEach((value, i) => expect(value).toBeCloseTo(exact[i] as number, 4));
  });
});

describe("every method", () => {
  const methods = Object.keys(colourCorrections) as ColourMethod[];
  it.each(
    methods.flatMap(
      (method) =>
        [
          [method, 1, 1],
          [method, 1, 9],
          [method, 7, 1],
          [method, 16, 24],
        ] as const,
    ),
  )("%s gives numbers for one colour, %i×%i pixels", (method, height, width) => {
    for (const [from, to] of [
      [BLUE, RED],
      [
        [0, 0, 0],
        [-1, -1, -1],
      ],
      [[1, 1, 1], BLUE],
    ] as const) {
      const result = colourCorrections[method](
        clipOf(height, width, () => from),
        clipOf(height, width, () => to),
      );
      expect(result.data.every((value) => Number.isFinite(value) && Math.abs(value) < 1.01)).toBe(true);
    }
  });
});

describe("CIELAB", () => {
  const random = seededRandom(5);
  const plane = () => Float32Array.from({ length: 5000 }, () => 2 * random() - 1);
  const rgb: Triple = { first: plane(), second: plane(), third: plane() };

  it("and back is where it began", () => {
    const back = rgbFromLab(labFromRgb(rgb));
    for (const channel of ["first", "second", "third"] as const) {
      back[channel].forEach((value, i) => expect(Math.abs(value - (rgb[channel][i] as number))).toBeLessThan(1e-5));
    }
  });

  it.each<[string, Colour, Colour]>([
    ["white", [1, 1, 1], [100, 0, 0]],
    ["black", [-1, -1, -1], [0, 0, 0]],
    ["red", [1, -1, -1], [53.241, 80.092, 67.203]],
    ["blue", [-1, -1, 1], [32.297, 79.188, -107.86]],
  ])("has %s where it is known to be", (_name, colour, expected) => {
    const [first, second, third] = colour.map((value) => Float32Array.of(value));
    const lab = labFromRgb({ first, second, third } as Triple);
    [lab.first[0], lab.second[0], lab.third[0]].forEach((value, i) =>
      expect(value).toBeCloseTo(expected[i] as number, 1),
    );
  });
});
