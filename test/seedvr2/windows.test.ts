import { describe, expect, it } from "vitest";
import { reordering, tokenOrder } from "../../engine/seedvr2/token-order.ts";
import { roundHalfToEven, windowsOf, type Extent, type WindowMethod } from "../../engine/seedvr2/windows.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { golden } from "../fixtures/golden-path.ts";

const request: Extent = [4, 3, 3];

describe("windows", () => {
  it("are the reference's at real sizes, for both methods", async () => {
    const file = await GoldenFile.open(golden("dit/windows_real_sizes.safetensors"));
    expect(file.names.length).toBeGreaterThan(4);
    for (const name of file.names) {
      const [method, size] = name.split(/\.(?=\d)/) as [WindowMethod, string];
      const grid = size.split("x").map(Number) as unknown as Extent;
      expect([name, windowsOf(grid, { request, method }).flat()]).toEqual([name, await file.integers(name)]);
    }
  });

  it("have sizes rounded half to even: 25 × 576 tokens are cut in 3 × 3, not otherwise", () => {
    expect([0.5, 1.5, 2.5, 2.4, 2.6].map(roundHalfToEven)).toEqual([0, 2, 2, 2, 3]);
    const heights = windowsOf([1, 25, 576], { request, method: "720pwin_by_size_bysize" }).map(
      ([, , h0, h1]) => h1 - h0,
    );
    // √(3600 / 14400) = 0.5, 12.5 rounds to 12, a third of it is 4.
    expect(Math.max(...heights)).toBe(4);
  });

  it.each<WindowMethod>(["720pwin_by_size_bysize", "720pswin_by_size_bysize"])(
    "of %s hold each token once",
    (method) => {
      for (const grid of [
        [1, 1, 1],
        [5, 23, 15],
        [31, 4, 90],
      ] as Extent[]) {
        const { raster } = tokenOrder(grid, windowsOf(grid, { request, method }));
        expect([...raster].sort((a, b) => a - b)).toEqual(
          Array.from({ length: grid[0] * grid[1] * grid[2] }, (_, i) => i),
        );
      }
    },
  );
});

describe("token orders", () => {
  const grid: Extent = [1, 2, 3];
  const halves = tokenOrder(grid, [
    [0, 1, 0, 2, 0, 2],
    [0, 1, 0, 2, 2, 3],
  ]);

  it("put windows of equal size together and their rows one behind the other", () => {
    expect([...halves.raster]).toEqual([2, 5, 0, 1, 3, 4]);
    expect(halves.groups).toEqual([
      { windows: 1, rows: 2 },
      { windows: 1, rows: 4 },
    ]);
    const quarters = tokenOrder(
      [1, 2, 2],
      [
        [0, 1, 0, 1, 0, 2],
        [0, 1, 1, 2, 0, 2],
      ],
    );
    expect(quarters.groups).toEqual([{ windows: 2, rows: 2 }]);
  });

  it("lead into each other and back", () => {
    const whole = tokenOrder(grid, [[0, 1, 0, 2, 0, 3]]);
    expect(reordering(halves, halves)).toBeUndefined();
    expect([...(reordering(undefined, halves) ?? [])]).toEqual([...halves.raster]);
    const back = reordering(halves, whole) ?? new Int32Array();
    expect([...back].map((place) => halves.raster[place])).toEqual([...whole.raster]);
  });
});
