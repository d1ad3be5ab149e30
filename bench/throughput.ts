/**
 * The built-in model on a clip of 640×360, end to end through the product, as a ratio to a bare loop of
 * `session.run` with the same model, size, session options and threads. Goal: at least 0.9.
 * `npx tsx bench/throughput.ts [--frames 300] [--bare-frames 30]`
 */
import { setPriority } from "node:os";
import { openNetworkOn } from "../engine/onnx/open-network.ts";
import { numberOptions, report, timed } from "./figures.ts";
import { OwnEngine, builtinModel } from "./own-engine.ts";
import { makeTestClip } from "./test-clip.ts";

const [WIDTH, HEIGHT] = [640, 360];
/** That of engine/worker/main.ts. */
const WORKER_NICENESS = 5;

interface Measured {
  /** Seconds from the task's start to its end, and what its worker says of them. */
  readonly seconds: number;
  readonly trace: Record<string, unknown>;
}

/** Milliseconds a frame of nothing but the network. */
async function bareLoop(frames: number): Promise<number> {
  const network = await openNetworkOn("cpu", { path: builtinModel, threads: 0 });
  const data = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, index) => (index * 7919) % 251);
  const run = () => network.run({ pixels: { type: "uint8", dims: [1, HEIGHT, WIDTH, 3, 1], data } });
  await run(); // the first one allocates
  const milliseconds = await timed(async () => {
    for (let frame = 0; frame < frames; frame++) await run();
  });
  await network.close();
  return milliseconds / frames;
}

async function product(engine: OwnEngine, path: string): Promise<Measured> {
  await engine.call("switch_model", { model: "builtin_x2" });
  const { id, process_time: seconds = NaN } = await engine.completed(await engine.submit(path));
  const trace = engine.logged("stages of the clip").find(({ task }) => task === id) ?? {};
  return { seconds, trace };
}

function show(frames: number, bare: readonly number[], { seconds, trace }: Measured): void {
  const ideal = (Math.min(...bare) * frames) / 1000;
  const stages = Object.entries(trace["seconds"] ?? {}).map(([stage, busy]) => [`  ${stage} busy`, `${busy} s`]);
  report(
    [`${frames} frames of ${WIDTH}×${HEIGHT}, doubled`, ""],
    [
      ["bare loop before / after", bare.map((each) => `${each.toFixed(0)} ms a frame`).join(" / ")],
      ["bare loop, best", `${ideal.toFixed(1)} s`],
      ["product", `${seconds.toFixed(1)} s (${((seconds * 1000) / frames).toFixed(0)} ms a frame)`],
      ["  its frames, without probing and joining", `${String(trace["wallSeconds"])} s`],
      ...stages,
      ["  overlap of the stages", String(trace["overlap"])],
      ["ratio (goal 0.9)", (ideal / seconds).toFixed(3)],
    ],
  );
}

const { frames, "bare-frames": bareFrames } = numberOptions({ frames: 300, "bare-frames": 30 });
// As the worker does, so that what else the machine is doing slows both alike.
setPriority(WORKER_NICENESS);
const engine = await OwnEngine.make();
try {
  const path = await makeTestClip(engine.folder, { size: `${WIDTH}x${HEIGHT}`, frames });
  const before = await bareLoop(bareFrames);
  const measured = await product(engine, path);
  show(frames, [before, await bareLoop(bareFrames)], measured);
} finally {
  await engine.end();
}
