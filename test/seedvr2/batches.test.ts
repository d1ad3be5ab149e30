import { describe, expect, it } from "vitest";
import { appended, blendWeights, clipBatches, extendedIndices, nextLength } from "../../engine/seedvr2/batches.ts";
import { prepended } from "../../engine/pipeline/prepended-frames.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { golden } from "../fixtures/golden-path.ts";

const own = (length: number) => Array.from({ length }, (_, i) => i);

describe("frames added in time are the reference's", () => {
  it("in front, behind, and up to the next 4n + 1", async () => {
    const file = await GoldenFile.open(golden("pipeline/time.safetensors"));
    const rules: Readonly<Record<string, (t: number, n: number) => number[]>> = {
      pad4n1: (t) => appended(own(t), nextLength(t) - t),
      append: (t, n) => appended(own(t), n),
      prepend: (t, n) => prepended(t, n),
    };
    let checked = 0;
    for (const name of file.names) {
      const [, rule = "", t = "0", n = "0"] = /^([a-z0-9]+)_(\d+)(?:_(\d+))?$/.exec(name) ?? [];
      const apply = rules[rule];
      if (!apply) continue;
      expect([name, apply(Number(t), Number(n))]).toEqual([name, await file.integers(name)]);
      checked++;
    }
    expect(checked).toBe(14);
  });

  it.each([1, 2, 3, 4, 6])("blended over %i frames with its weights", async (count) => {
    const file = await GoldenFile.open(golden("pipeline/time.safetensors"));
    const { data } = await file.tensor(`blend_weights_prev_${count}`);
    blendWeights(count).forEach((weight, i) => expect(weight).toBeCloseTo(data[i] ?? Number.NaN, 6));
  });

  it("not at all where none are asked for", () => {
    expect(prepended(3, 0)).toEqual([0, 1, 2]);
    expect(appended([5, 6], 0)).toEqual([5, 6]);
    expect(blendWeights(0)).toEqual([]);
  });
});

describe("a clip is cut into batches", () => {
  const cut = (count: number, batchSize: number, overlap: number, uniform = false) =>
    clipBatches(count, { batchSize, overlap, uniform }).map(({ first, frames, encoded, writeStart, writeEnd }) => [
      first,
      frames,
      encoded,
      writeStart,
      writeEnd,
    ]);

  it.each([
    ["a picture", cut(1, 1, 0), [[0, 1, 1, 0, 1]]],
    [
      "a short rest",
      cut(6, 5, 0),
      [
        [0, 5, 5, 0, 5],
        [5, 1, 1, 5, 6],
      ],
    ],
    [
      "a rest extended to 4n + 1",
      cut(8, 5, 0),
      [
        [0, 5, 5, 0, 5],
        [5, 3, 5, 5, 8],
      ],
    ],
    [
      "a rest as long as the others",
      cut(6, 5, 0, true),
      [
        [0, 5, 5, 0, 5],
        [5, 1, 5, 5, 6],
      ],
    ],
    [
      "an overlap",
      cut(6, 5, 3),
      [
        [0, 5, 5, 0, 5],
        [2, 4, 5, 5, 6],
      ],
    ],
    [
      "a rest within the overlap",
      cut(7, 5, 2),
      [
        [0, 5, 5, 0, 5],
        [3, 4, 5, 5, 7],
      ],
    ],
    ["no batch for frames that are written", cut(5, 5, 2), [[0, 5, 5, 0, 5]]],
    [
      "an overlap as long as a batch, which counts as none",
      cut(6, 5, 5),
      [
        [0, 5, 5, 0, 5],
        [5, 1, 1, 5, 6],
      ],
    ],
  ])("%s", (_, batches, expected) => {
    expect(batches).toEqual(expected);
  });

  it("whose frames are extended with themselves reversed", () => {
    const rules = { batchSize: 5, overlap: 0, uniform: true };
    const [, rest] = clipBatches(7, rules);
    expect(rest && extendedIndices(rest, rules)).toEqual([0, 1, 1, 1, 1]);
  });
});
