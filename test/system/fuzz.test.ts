import { expect, it } from "vitest";
import { fuzz } from "../../scripts/fuzz/fuzz.ts";
import { temporaryFolder } from "../temporary-folder.ts";

it("meets 150 damaged files without a crash, a hang or anything left behind", async () => {
  const { trials, left } = await fuzz({ folder: await temporaryFolder(), seed: 5, from: 0, count: 150 });
  expect(trials.filter(({ fault }) => fault !== null)).toEqual([]);
  expect(left).toEqual([]);
  const outcomes = new Set(trials.map(({ outcome }) => outcome));
  expect(outcomes).toEqual(new Set(["refused", "completed", "failed"]));
});
