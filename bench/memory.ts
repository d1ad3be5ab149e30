/**
 * Peak memory of engine, worker and their ffmpegs for a short clip and for one ten times as long, each with an engine
 * of its own. Goal: within 5 %. Linux only. `npx tsx bench/memory.ts [--frames 200] [--times 10]`
 */
import { numberOptions, report } from "./figures.ts";
import { OwnEngine } from "./own-engine.ts";
import { peakMemory } from "./processes.ts";
import { makeTestClip } from "./test-clip.ts";

const SIZE = "320x180";
const roles = ["engine", "worker", "ffmpegs"];

async function peakFor(
  frames: number,
): Promise<{ frames: number; total: number; byName: ReadonlyMap<string, number> }> {
  const engine = await OwnEngine.make();
  try {
    const path = await makeTestClip(engine.folder, { size: SIZE, frames });
    await engine.call("switch_model", { model: "builtin_x2" });
    const peak = await peakMemory(engine.pid, async () => engine.completed(await engine.submit(path)));
    return { frames, ...peak };
  } finally {
    await engine.end();
  }
}

const { frames, times } = numberOptions({ frames: 200, times: 10 });
const short = await peakFor(frames);
const long = await peakFor(frames * times);
report(
  [`peak of clips of ${SIZE}, MB`, "all", ...roles],
  [
    ...[short, long].map((peak) => [
      `${peak.frames} frames`,
      peak.total.toFixed(0),
      ...roles.map((role) => (peak.byName.get(role) ?? 0).toFixed(0)),
    ]),
    ["ratio (goal 1.05)", (long.total / short.total).toFixed(3)],
  ],
);
