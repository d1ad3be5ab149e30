/**
 * The built-in model on a clip of 640×360, end to end through the product, as a ratio to a bare loop of
 * `session.run` with the same model, size, session options and threads. Goal: at least 0.9.
 * The same ratio of processor time says what it would be where no processor is ever idle, and is less
 * disturbed by what else the machine does. `npx tsx bench/throughput.ts [--frames 300] [--bare-frames 30]`
 */
import assert from "node:assert";
import { setPriority } from "node:os";
import process from "node:process";
import { openNetworkOn } from "../engine/onnx/open-network.ts";
import type { TraceSummary } from "../engine/pipeline/trace.ts";
import { numberOptions, report, timed } from "./figures.ts";
import { OwnEngine, builtinModel } from "./own-engine.ts";
import { processorSeconds } from "./processes.ts";
import { makeTestClip } from "./test-clip.ts";

const [WIDTH, HEIGHT] = [640, 360];
/** That of engine/worker/main.ts. */
const WORKER_NICENESS = 5;

/** What a frame costs, in milliseconds: of the clock, and of all processors together. */
interface Cost {
  readonly clock: number;
  readonly processor: number;
}

/** Nothing but the network. */
async function bareLoop(frames: number): Promise<Cost> {
  const network = await openNetworkOn({ provider: "cpu" }, { path: builtinModel, threads: 0 });
  const data = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, index) => (index * 7919) % 251);
  const run = () => network.run({ pixels: { type: "uint8", dims: [1, HEIGHT, WIDTH, 3, 1], data } });
  await run(); // the first one allocates
  const before = process.cpuUsage();
  const milliseconds = await timed(async () => {
    for (let frame = 0; frame < frames; frame++) await run();
  });
  const { user, system } = process.cpuUsage(before);
  await network.close();
  return { clock: milliseconds / frames, processor: (user + system) / 1000 / frames };
}

/** The whole task, engine and worker with their ffmpegs, and what the worker says of its stages. */
async function product(engine: OwnEngine, path: string, frames: number): Promise<Cost & { trace: TraceSummary }> {
  await engine.call("switch_model", { model: "builtin_x2" });
  const before = processorSeconds(engine.pid);
  const { id, process_time } = await engine.completed(await engine.submit(path));
  assert(process_time, "a completed task says how long it took");
  const processor = ((processorSeconds(engine.pid) - before) * 1000) / frames;
  const trace = engine.logged("stages of the clip").find(({ task }) => task === id);
  assert(trace, "the engine logs the stages of a clip");
  return { clock: (process_time * 1000) / frames, processor, trace: trace as unknown as TraceSummary };
}

function show(frames: number, bare: readonly Cost[], measured: Cost & { trace: TraceSummary }): void {
  const best = { clock: Math.min(...bare.map((b) => b.clock)), processor: Math.min(...bare.map((b) => b.processor)) };
  const { trace, clock, processor } = measured;
  const row = (name: string, cost: Cost) => [name, cost.clock.toFixed(0), cost.processor.toFixed(0)];
  report(
    [`${frames} frames of ${WIDTH}×${HEIGHT}, doubled`, "ms a frame", "of processors"],
    [
      ...bare.map((cost, index) => row(`bare loop ${index === 0 ? "before" : "after"}`, cost)),
      row("product", measured),
      ["ratio (goal 0.9)", (best.clock / clock).toFixed(3), (best.processor / processor).toFixed(3)],
    ],
  );
  const { decode, upscale, encode } = trace.seconds;
  const seconds = `decode ${decode} s, upscale ${upscale} s, encode ${encode} s of ${trace.wallSeconds} s`;
  process.stdout.write(`stages busy: ${seconds}; overlap ${trace.overlap}; all ${(clock * frames) / 1000} s\n`);
}

const { frames, "bare-frames": bareFrames } = numberOptions({ frames: 300, "bare-frames": 30 });
// As the worker does, so that what else the machine is doing slows both alike.
setPriority(WORKER_NICENESS);
const engine = await OwnEngine.make();
try {
  const path = await makeTestClip(engine.folder, { size: `${WIDTH}x${HEIGHT}`, frames });
  const before = await bareLoop(bareFrames);
  const measured = await product(engine, path, frames);
  show(frames, [before, await bareLoop(bareFrames)], measured);
} finally {
  await engine.end();
}
