import { describe, expect, it } from "vitest";
import { type Frame, type Samples, samples } from "../../engine/media/frame.ts";
import { bicubic, enlargeAlpha, isMask } from "../../engine/upscalers/alpha/enlarge-alpha.ts";
import { guidedFilter } from "../../engine/upscalers/alpha/guided-filter.ts";
import { withoutHiddenColour } from "../../engine/upscalers/alpha/hidden-colour.ts";
import { withAlpha } from "../../engine/upscalers/with-alpha.ts";
import { identityUpscaler } from "../contracts/identity-upscaler.ts";

type Transparent = Frame & { alpha: Samples };
type Of<T> = (x: number, y: number) => T;

/** A frame out of functions of place, values 0 … 1. */
function frameOf(width: number, height: number, rgb: Of<readonly number[]>, alpha: Of<number>, depth: 8 | 16 = 8) {
  const peak = 2 ** depth - 1;
  const frame = { width, height, depth, time: 0n, rgb: samples(depth, width * height * 3) };
  const opacity = samples(depth, width * height);
  for (let i = 0; i < opacity.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    rgb(x, y).forEach((value, c) => void (frame.rgb[i * 3 + c] = Math.round(value * peak)));
    opacity[i] = Math.round(alpha(x, y) * peak);
  }
  return { ...frame, alpha: opacity } satisfies Transparent;
}

const disc =
  (radius: number, cx: number, cy = cx): Of<number> =>
  (x, y) =>
    Math.hypot(x - cx, y - cy) < radius ? 1 : 0;
const orange: Of<readonly number[]> = (x, y) => [0.8 + 0.1 * Math.sin(x), 0.5 + 0.1 * Math.cos(y), 0.1];

async function enlarged(frame: Frame, scale: number): Promise<Transparent> {
  const batch = { frames: [frame], owned: { start: 0, count: 1 }, first: 0 };
  const size = { width: frame.width * scale, height: frame.height * scale };
  const [made] = await withAlpha(identityUpscaler()).upscale(batch, size);
  return made as Transparent;
}

describe("colour under alpha 0", () => {
  it.each([8, 16] as const)("makes no difference to any pixel, with %i bits", async (depth) => {
    const alpha = disc(9, 15);
    const hiding = (hidden: readonly number[]) =>
      frameOf(31, 29, (x, y) => (alpha(x, y) > 0 ? orange(x, y) : hidden), alpha, depth);
    const [black, magenta] = [await enlarged(hiding([0, 0, 0]), 3), await enlarged(hiding([1, 0, 1]), 3)];
    expect(magenta).toEqual(black);
  });

  it("is made of what is visible around it, and visible pixels are kept", () => {
    const alpha: Of<number> = (x, y) => (x < 8 ? 1 : y > 20 ? 0.3 : 0);
    const frame = frameOf(
      32,
      24,
      (x, y) => (alpha(x, y) === 0 ? [0, 1, 1] : x < 8 ? [1, 0.2, 0.2] : [0.2, 0.2, 1]),
      alpha,
    );
    const { rgb, ...rest } = withoutHiddenColour(frame);
    expect(rest).not.toHaveProperty("alpha");
    const at = (x: number, y: number) => [...rgb.subarray((y * 32 + x) * 3, (y * 32 + x) * 3 + 3)];
    for (let y = 0; y < 24; y++)
      for (let x = 0; x < 32; x++) {
        const place = (y * 32 + x) * 3;
        if (frame.alpha[y * 32 + x] !== 0) expect(at(x, y)).toEqual([...frame.rgb.subarray(place, place + 3)]);
        else expect(at(x, y)[1]).toBe(51); // all that is visible has this green
      }
    const [nearRed = 0, , nearRedBlue = 0] = at(8, 2);
    const [nearBlueRed = 0, , nearBlue = 0] = at(30, 20);
    expect(nearRed).toBeGreaterThan(nearRedBlue);
    expect(nearBlue).toBeGreaterThan(nearBlueRed);
  });

  it("of grey pictures is grey", () => {
    const frame = frameOf(17, 9, (x) => [x / 17, x / 17, x / 17], disc(4, 8, 4));
    const { rgb } = withoutHiddenColour(frame);
    for (let i = 0; i < rgb.length; i += 3) expect([rgb[i + 1], rgb[i + 2]]).toEqual([rgb[i], rgb[i]]);
  });

  it.each([
    ["nothing is hidden", () => 0.01],
    ["everything is hidden", () => 0],
  ])("stays where %s", (_what, alpha) => {
    const frame = frameOf(5, 4, orange, alpha);
    expect(withoutHiddenColour(frame).rgb).toEqual(frame.rgb);
  });
});

describe("enlarged alpha", () => {
  it.each([
    ["opaque", 1],
    ["transparent", 0],
  ])("of a picture that is %s all over is so exactly, at any size", async (_what, value) => {
    for (const [width, height, scale, depth] of [
      [1, 1, 3, 8],
      [1, 9, 2, 16],
      [13, 2, 4, 8],
      [20, 17, 1, 16],
    ] as const) {
      const { alpha } = await enlarged(
        frameOf(width, height, orange, () => value, depth),
        scale,
      );
      expect(new Set(alpha)).toEqual(new Set([value * (2 ** depth - 1)]));
    }
  });

  it.each([
    [2, 8],
    [3, 16],
    [4, 8],
  ] as const)(
    "of a mask, ×%i with %i bits, is exactly solid where the source is around, and moves nothing",
    async (scale, depth) => {
      const source = frameOf(40, 40, orange, disc(12.3, 19.7), depth);
      const { alpha, width } = await enlarged(source, scale);
      const peak = 2 ** depth - 1;
      let solid = 0;
      let [sum, expected] = [0, 0];
      alpha.forEach((value, i) => {
        const [x, y] = [Math.floor((i % width) / scale), Math.floor(i / width / scale)];
        const around = new Set(
          [-2, -1, 0, 1, 2].flatMap((dy) => [-2, -1, 0, 1, 2].map((dx) => sampleAt(source, x + dx, y + dy))),
        );
        if (around.size === 1 && (around.has(0) || around.has(peak)) && ++solid) expect(around.has(value)).toBe(true);
        sum += value;
        expected += sampleAt(source, x, y);
      });
      expect(solid).toBeGreaterThan(alpha.length / 2);
      expect(Math.abs(sum / expected - 1)).toBeLessThan(0.01);
    },
  );

  it("that is soft is plain bicubic", async () => {
    const source = frameOf(24, 16, orange, (x) => x / 23);
    const plain = bicubic(
      { ...source, data: Float32Array.from(source.alpha, (v) => v / 255) },
      { width: 72, height: 48 },
    );
    const made = Array.from((await enlarged(source, 3)).alpha);
    expect(made).toEqual(Array.from(plain.data, (value) => Math.round(value * 255)));
  });

  it("of a mask is nearer to the truth than bicubic where the picture shows the edge, and bicubic where it is flat", () => {
    const [side, scale] = [32, 4];
    const cut = (n: number): Of<number> => disc(0.35 * n, 0.5 * n - 0.5);
    const low = frameOf(side, side, orange, (x, y) =>
      mean(scale, (i, j) => cut(side * scale)(x * scale + i, y * scale + j)),
    );
    const truth = cut(side * scale);
    const shown = (bright: number) => {
      const picture = frameOf(
        side * scale,
        side * scale,
        (x, y) => Array<number>(3).fill(0.2 + bright * truth(x, y)),
        () => 1,
      );
      return enlargeAlpha(low, picture);
    };
    const error = (alpha: Samples) =>
      Array.from(alpha).reduce(
        (sum, value, i) => sum + (value / 255 - truth(i % (side * scale), Math.floor(i / (side * scale)))) ** 2,
        0,
      );
    const plain = bicubic(
      { ...low, data: Float32Array.from(low.alpha, (v) => v / 255) },
      { width: side * scale, height: side * scale },
    );
    const rounded = Uint8Array.from(plain.data, (value) => Math.round(value * 255));
    expect(error(shown(0.6))).toBeLessThan(0.5 * error(rounded));
    const off = shown(0).map((value, i) => Math.abs(value - (rounded[i] as number)));
    expect(Math.max(...off)).toBeLessThanOrEqual(1);
  });

  it.each([
    ["opaque and transparent halves", [0, 0, 1, 1], true],
    ["a ramp", [0, 0.3, 0.6, 1], false],
    ["nearly solid values", [0.09, 0.91, 0.95, 0.05], true],
    ["exactly 95 % decided", [...Array<number>(19).fill(1), 0.5], false],
    ["nearly 98 % decided", [...Array<number>(49).fill(1), 0.5], true],
  ])("%s: a mask or not", (_what, values, expected) => {
    expect(isMask(Float32Array.from(values))).toBe(expected);
  });
});

describe("a guided filter", () => {
  const noisy = { width: 9, height: 7, data: Float32Array.from({ length: 63 }, (_, i) => ((i * 37) % 11) / 10) };
  it("keeps what the guide is, and averages what it does not show", () => {
    const itself = guidedFilter(noisy, noisy, { radius: 2, eps: 1e-9 });
    itself.data.forEach((value, i) => expect(value).toBeCloseTo(noisy.data[i] as number, 4));
    const flat = { ...noisy, data: new Float32Array(63).fill(0.5) };
    const averaged = guidedFilter(noisy, flat, { radius: 8, eps: 0.002 });
    const all = noisy.data.reduce((sum, value) => sum + value, 0) / 63;
    averaged.data.forEach((value) => expect(value).toBeCloseTo(all, 4));
  });
});

function sampleAt({ width, height, alpha }: Transparent, x: number, y: number): number {
  const inside = (value: number, length: number) => Math.min(Math.max(value, 0), length - 1);
  return alpha[inside(y, height) * width + inside(x, width)] as number;
}

function mean(side: number, value: Of<number>): number {
  let sum = 0;
  for (let j = 0; j < side; j++) for (let i = 0; i < side; i++) sum += value(i, j);
  return sum / side ** 2;
}
