import { describe, expect, it } from "vitest";
import { samples } from "../../engine/media/frame.ts";
import type { Frame } from "../../engine/media/frame.ts";
import { refuseWrongFrame } from "../../engine/pipeline/alarms.ts";

type Paint = (x: number, y: number, channel: number) => number;

/** A frame painted by a function of position (0 … 1) and channel that answers 0 … 1. */
function painted(side: number, paint: Paint, wish: { depth?: 8 | 16; alpha?: Paint } = {}): Frame {
  const { depth = 8, alpha } = wish;
  const peak = 2 ** depth - 1;
  const rgb = samples(depth, side * side * 3);
  const opacity = samples(depth, side * side);
  for (let pixel = 0; pixel < side * side; pixel++) {
    const [x, y] = [(pixel % side) / side, Math.floor(pixel / side) / side];
    for (let channel = 0; channel < 3; channel++) rgb[pixel * 3 + channel] = Math.round(paint(x, y, channel) * peak);
    opacity[pixel] = Math.round((alpha?.(x, y, 3) ?? 1) * peak);
  }
  return { width: side, height: side, depth, rgb, ...(alpha && { alpha: opacity }), time: 0n };
}

const flat =
  (value: number): Paint =>
  () =>
    value;
const ramp: Paint = (x) => 0.2 + 0.6 * x;
const smallTitle: Paint = (x, y) => (x > 0.7 && x < 0.8 && y > 0.4 && y < 0.45 ? 1 : 0);
const checks: Paint = (x, y) => (Math.round(x * 64) + Math.round(y * 64)) % 2;
const half: Paint = (x) => (x < 0.5 ? 1 : 0);

describe("a result", () => {
  it.each([
    ["all black, of a gradient", painted(64, ramp), painted(128, flat(0)), /Frame 7 came out all black/],
    ["of one colour, of a gradient", painted(64, ramp), painted(128, flat(0.5)), /of one colour/],
    ["of one colour, of a small title", painted(64, smallTitle), painted(128, flat(0)), /all black/],
    ["all black, of 16 bits", painted(64, ramp, { depth: 16 }), painted(128, flat(0), { depth: 16 }), /all black/],
    ["all black and large", painted(64, ramp), painted(1000, flat(0)), /all black/],
    ["black, of a grey area", painted(8, flat(0.5)), painted(16, flat(0)), /all black/],
    ["all black, of a dim area", painted(64, flat(0.06)), painted(128, flat(0)), /all black/],
    ["all black, of fog", painted(64, (x) => 0.2 + 0.02 * x), painted(128, flat(0)), /all black/],
    ["all black, of a dark blue", painted(64, (_x, _y, c) => (c === 2 ? 0.1 : 0)), painted(128, flat(0)), /all black/],
    ["dark grey, of a grey area", painted(8, flat(0.6)), painted(16, flat(0.1)), /mean colour 50 %/],
    ["a negative", painted(64, (x) => x ** 3), painted(128, (x) => 1 - x ** 3), /mean colour/],
    ["without its red", painted(64, ramp), painted(128, (x, y, c) => (c ? ramp(x, y, c) : 0)), /mean colour/],
  ])("%s is refused with advice", (_, source, made, message) => {
    expect(() => refuseWrongFrame(source, made, 7)).toThrow(message);
    expect(() => refuseWrongFrame(source, made, 7)).toThrow(/SEEDVR2_DEVICE=cpu/);
    expect(() => refuseWrongFrame(source, made, 7)).toThrow(
      expect.objectContaining({ code: "provider_failed", facts: expect.objectContaining({ frame: 7 }) }),
    );
  });

  it.each([
    ["like its source", painted(64, ramp), painted(128, ramp)],
    ["a little darker", painted(64, ramp), painted(128, (x) => ramp(x, 0, 0) - 0.1)],
    ["black, of black", painted(64, flat(0)), painted(128, flat(0))],
    ["black, of black that is a little too light", painted(64, flat(8 / 255)), painted(128, flat(0))],
    ["black, of the first frame of a fade", painted(64, (x) => x * 0.01), painted(128, flat(0))],
    ["grey, of checks that are too fine for it", painted(64, checks), painted(8, flat(0.5))],
    ["one pixel, of a gradient", painted(64, ramp), painted(1, flat(0.5))],
    ["large, of checks", painted(64, checks), painted(1024, checks)],
    [
      "other than its source under full transparency",
      painted(64, flat(0.9), { alpha: flat(0) }),
      painted(128, flat(0), { alpha: flat(0) }),
    ],
    [
      "other than its source in the transparent half",
      painted(64, (x) => (x < 0.5 ? 0.4 : 1), { alpha: half }),
      painted(128, flat(0.4), { alpha: half }),
    ],
  ])("%s is delivered", (_, source, made) => {
    expect(() => refuseWrongFrame(source, made, 0)).not.toThrow();
  });
});
