import { describe, expect, it } from "vitest";
import {
  byShape,
  edgeWeights,
  TileBlend,
  tilesOf,
  type Sides,
  type Tiling,
} from "../../engine/seedvr2/autoencoder/tiles.ts";

const spans = (size: Sides, tiling: Tiling) => {
  const tiles = tilesOf(size, tiling, 8);
  const distinct = (list: { from: number; to: number }[]) => [...new Set(list.map(({ from, to }) => `${from}–${to}`))];
  return [distinct(tiles.map(({ rows }) => rows)), distinct(tiles.map(({ columns }) => columns))];
};

describe("tiles", () => {
  it.each<[string, Sides, Tiling, string[], string[]]>([
    [
      "overlapping by cells",
      [12, 16],
      { tile: [48, 64], overlap: [16, 16] },
      ["0–6", "4–10", "8–12"],
      ["0–8", "6–14", "12–16"],
    ],
    [
      "with a last one cut at the edge",
      [8, 8],
      { tile: [32, 48], overlap: [8, 16] },
      ["0–4", "3–7", "6–8"],
      ["0–6", "4–8"],
    ],
    [
      "without one inside the overlap before it",
      [12, 12],
      { tile: [48, 64], overlap: [16, 24] },
      ["0–6", "4–10", "8–12"],
      ["0–8", "5–12"],
    ],
    ["none where the picture is no larger", [6, 8], { tile: [48, 64], overlap: [16, 16] }, ["0–6"], ["0–8"]],
  ])("%s", (_, size, tiling, rows, columns) => {
    expect(spans(size, tiling)).toEqual([rows, columns]);
  });

  it("are worked on shape after shape, in the order of rows within each", () => {
    const tiles = tilesOf([12, 16], { tile: [48, 64], overlap: [16, 16] }, 8);
    const ordered = byShape(tiles);
    const shapes = ordered.map(({ rows, columns }) => `${rows.to - rows.from}x${columns.to - columns.from}`);
    const changes = shapes.filter((shape, i) => shape !== shapes[i - 1]);
    expect(changes).toEqual(["6x8", "6x4", "4x8", "4x4"]);
    for (const shape of changes) {
      const same = (list: typeof tiles) => list.filter((_, i) => shapes[ordered.indexOf(list[i]!)] === shape);
      expect(same(ordered)).toEqual(same(tiles));
    }
  });

  it("have weights of 1 on outer borders, and neighbours' weights sum to 1", () => {
    const [first, second] = [edgeWeights({ from: 0, to: 6 }, 10, 2), edgeWeights({ from: 4, to: 10 }, 10, 2)];
    expect([...first]).toEqual([1, 1, 1, 1, 1, 0]);
    expect([...second]).toEqual([0, 1, 1, 1, 1, 1]);
    const wide = [edgeWeights({ from: 0, to: 8 }, 11, 5), edgeWeights({ from: 3, to: 11 }, 11, 5)] as const;
    for (let i = 0; i < 5; i++) expect((wide[0][3 + i] ?? 0) + (wide[1][i] ?? 0)).toBeCloseTo(1, 6);
  });

  it("of a picture that is the same everywhere blend to that picture", () => {
    const size: Sides = [40, 48];
    const tiling: Tiling = { tile: [24, 24], overlap: [8, 8] };
    const blend = new TileBlend(2, size);
    for (const tile of tilesOf(size, tiling, 1)) {
      const [height, width] = [tile.rows.to - tile.rows.from, tile.columns.to - tile.columns.from];
      blend.add(new Float32Array(2 * height * width).fill(0.75), tile, [8, 8]);
    }
    blend.finish().forEach((value) => expect(value).toBeCloseTo(0.75, 6));
  });
});
