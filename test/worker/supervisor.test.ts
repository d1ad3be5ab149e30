import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Job, JobResult, ModelSpec } from "../../engine/pipeline/job.ts";
import { modelKey } from "../../engine/worker/model-key.ts";
import { Supervisor } from "../../engine/worker/supervisor.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const done: JobResult = { width: 64, height: 48, frames: 1, notes: [], tile: null, trace: null };
const choice = { provider: "webgpu", attention: "plain", arithmetic: "fp16" };
const trial = { device: "webgpu", works: true, rate: 9000, processorRate: 100, choice };
const builtin: ModelSpec = { name: "b", kind: "builtin", path: "b" };
const seedvr2: ModelSpec = {
  ...{ name: "m", kind: "seedvr2", path: "m", autoencoder: "a", prompt: null, cacheDir: "c" },
};
const job: Job = {
  ...{ taskId: "k3x9a2pq", kind: "image", inputPath: "p.png", target: { width: 64, height: 48 } },
  ...{ parameters: {}, model: seedvr2, ffmpeg: {} as Job["ffmpeg"], format: "png", workDir: "w", partPath: "x" },
  segmentFrames: 250,
};
const events = () => ({ signal: new AbortController().signal, onProgress: () => {}, onSegment: () => {} });

/** A worker whose trial of a device takes a while; its device's name tells how often it was asked to load. */
const worker = `
  let loads = 0;
  if (process.argv[2] === "--try-device") setTimeout(() => console.log('${JSON.stringify(trial)}'), 500);
  else process.on("message", ({ type, model, job }) => {
    if (type === "setup") return;
    process.send({ type: "loaded", model: (model ?? job.model).name, device: "load " + ++loads });
    if (type === "run") process.send({ type: "done", result: ${JSON.stringify(done)} });
  });`;

async function aSupervisor(idleSeconds = 0): Promise<Supervisor> {
  const entry = join(await temporaryFolder(), "worker.mjs");
  await writeFile(entry, worker);
  const parts = { entry, environment: { PATH: process.env["PATH"] }, idleSeconds, onLine: () => {} };
  const supervisor = new Supervisor({ ...parts, setup: { device: "webgpu", threads: 0 } });
  onTestFinished(() => supervisor.end());
  return supervisor;
}

describe("a task for which a device is being tried", () => {
  it("is not lost when memory is to be released: that comes after it", async () => {
    const supervisor = await aSupervisor();
    const run = supervisor.run(job, events());
    await vi.waitFor(() => expect(supervisor.loading).toBe("m"));
    expect(await supervisor.release()).toBe("after the task");
    expect(await run).toEqual(done);
    expect(supervisor.loaded).toBeNull();
    expect(await supervisor.release()).toBe("now");
  });

  it("is not lost when the worker's idle time would have ended", async () => {
    const supervisor = await aSupervisor(0.2);
    await supervisor.load(builtin);
    expect(await supervisor.run(job, events())).toEqual(done);
  });
});

describe("a model", () => {
  it("that is loaded is asked for again, as its files may be others now", async () => {
    const supervisor = await aSupervisor();
    for (const device of ["load 1", "load 2"]) {
      await supervisor.load(builtin);
      expect(supervisor.loaded).toEqual({ model: "b", device });
    }
  });

  it("is another one when one of its files was replaced, or it is on another device", async () => {
    const folder = await temporaryFolder();
    const file = async (name: string, text: string) => {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    };
    const [path, autoencoder, prompt] = [await file("m", "m"), await file("a", "a"), await file("p", "p")];
    const model: ModelSpec = { ...seedvr2, path, autoencoder, prompt };
    const keys = [
      await modelKey(model),
      await modelKey(model, { provider: "cuda", attention: "fused", arithmetic: "fp16" }),
    ];
    expect(await modelKey(model)).toBe(keys[0]);
    for (const each of [path, autoencoder, prompt]) {
      await file("new", "longer than before");
      await rename(join(folder, "new"), each);
      keys.push(await modelKey(model));
    }
    expect(new Set(keys).size).toBe(5);
  });
});
