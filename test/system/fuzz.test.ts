import installer from "@ffmpeg-installer/ffmpeg";
import { expect, it } from "vitest";
import { fuzz } from "../../scripts/fuzz/fuzz.ts";
import { temporaryFolder } from "../temporary-folder.ts";

it("meets 150 damaged files without a crash, a hang or anything left behind", async () => {
  const folder = await temporaryFolder();
  // The oldest ffmpeg there is, which has the most to stumble over.
  const { trials, left } = await fuzz({ folder, seed: 5, from: 0, count: 150, ffmpegPath: installer.path });
  expect(trials.filter(({ fault }) => fault !== null)).toEqual([]);
  expect(left).toEqual([]);
  for (const outcome of ["refused", "completed"]) {
    expect(trials.filter((trial) => trial.outcome === outcome).length).toBeGreaterThan(30);
  }
}, 900_000);
