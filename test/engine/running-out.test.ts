import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { asEngineError, EngineError } from "../../engine/errors.ts";
import { runWithMemory } from "../../engine/local/run-with-memory.ts";
import type { Job, JobResult } from "../../engine/pipeline/job.ts";
import { picturePlan } from "../../engine/pipeline/picture-plan.ts";
import { tilesBelow } from "../../engine/pipeline/smaller-tiles.ts";
import { tileSide } from "../../engine/pipeline/tile-side.ts";
import { Supervisor } from "../../engine/worker/supervisor.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const seedvr2 = { name: "m", kind: "seedvr2", path: "m", autoencoder: "a", prompt: null, cacheDir: "c" } as const;
const builtin = { name: "b", kind: "builtin", path: "b" } as const;
const done: JobResult = { width: 1920, height: 1080, frames: 1, notes: ["made"], tile: null, trace: null };
const events = () => ({ signal: new AbortController().signal, onProgress: () => {}, onSegment: () => {} });

const noMemory = () => asEngineError(new Error("Failed to allocate memory for requested buffer of size 4096"));
const killed = () => new EngineError("worker_died", { what: "Gone.", facts: { signal: "SIGKILL", killed: true } });

async function aJob(changes: Partial<Job> = {}): Promise<Job> {
  const workDir = await temporaryFolder();
  return {
    ...{ taskId: "k3x9a2pq", kind: "image", inputPath: "p.png", target: { width: 1920, height: 1080 } },
    ...{ parameters: {}, model: seedvr2, ffmpeg: {} as Job["ffmpeg"], format: "png", workDir, partPath: "x" },
    segmentFrames: 250,
    ...changes,
  };
}

/** A worker whose first runs fail so; each begins its task's plan, as the real one does. */
function failing(failures: readonly (() => EngineError)[]) {
  const jobs: Job[] = [];
  const releases: number[] = [];
  return {
    jobs,
    releases,
    async run(job: Job): Promise<JobResult> {
      const fail = failures[jobs.length];
      jobs.push(job);
      await picturePlan(job);
      if (fail) throw fail();
      return done;
    },
    async release() {
      releases.push(jobs.length);
      return "now" as const;
    },
  };
}

describe("a task whose memory runs out", () => {
  it.each([
    ["an allocation fails", noMemory],
    ["the system kills the worker", killed],
  ])("is done once more in smaller tiles where %s, and says so", async (_how, failure) => {
    const worker = failing([failure]);
    const job = await aJob();
    await writeFile(join(job.workDir, "picture-plan.json"), JSON.stringify({ memory: 64e9 }));
    const { notes } = await runWithMemory(worker, job, events());
    expect(worker.jobs.map((run) => tileSide(run, 64e9))).toEqual([null, 1024]);
    expect(notes).toEqual([expect.stringMatching(/^Memory ran out with 1920 pixels.*smaller tiles\.$/), "made"]);
    expect(worker.releases, "what the first attempt held is free again").toEqual([1]);
    expect(await tilesBelow(job.workDir), "a later engine goes on so").toBe(1920);
  });

  it("goes from the tiles it had to the next ones, and fails with advice where these do not help", async () => {
    const worker = failing([noMemory, killed]);
    const job = await aJob({ tilesBelow: 1024 });
    await writeFile(join(job.workDir, "picture-plan.json"), JSON.stringify({ memory: 64e9 }));
    await expect(runWithMemory(worker, job, events())).rejects.toMatchObject({
      code: "out_of_memory",
      message: expect.stringMatching(/twice, .*smaller than 896 pixels.*Gone\..*ask plan what fits/),
    });
    expect(worker.jobs.map((run) => tileSide(run, 64e9))).toEqual([896, 768]);
  });

  it.each([
    ["off", { parameters: { vae_tiling: "off" } }],
    ["on", { parameters: { vae_tiling: "on" } }],
    ["of a size of one's own", { parameters: { vae_tile_size: 512 } }],
    ["no smaller than its frames", { target: { width: 384, height: 288 } }],
    ["those of a model without any", { model: builtin }],
  ] as const)("fails at once where tiles are %s", async (_how, changes) => {
    const worker = failing([noMemory]);
    await expect(runWithMemory(worker, await aJob(changes), events())).rejects.toMatchObject({ code: "out_of_memory" });
    expect(worker.jobs).toHaveLength(1);
  });

  it("is not what any other death of the worker means", async () => {
    const worker = failing([() => new EngineError("worker_died", { what: "Crashed.", facts: { signal: "SIGSEGV" } })]);
    await expect(runWithMemory(worker, await aJob(), events())).rejects.toMatchObject({ code: "worker_died" });
    expect(worker.jobs).toHaveLength(1);
  });
});

it.each([
  "std::bad_alloc",
  "bad allocation",
  "CUDA failure 2: out of memory",
  "CUBLAS_STATUS_ALLOC_FAILED",
  "VK_ERROR_OUT_OF_DEVICE_MEMORY",
  "Array buffer allocation failed",
  "OOM when allocating",
])("%s is recognised as memory that ran out", (text) => {
  expect(asEngineError(new Error(`Non-zero status: ${text}`))).toMatchObject({ code: "out_of_memory" });
});

describe("the death of a worker at work", () => {
  async function aSupervisor(code: string): Promise<Supervisor> {
    const entry = join(await temporaryFolder(), "worker.mjs");
    await writeFile(entry, code);
    const parts = { entry, environment: { PATH: process.env["PATH"] }, idleSeconds: 0, onLine: () => {} };
    const supervisor = new Supervisor({ ...parts, setup: { device: "cpu", threads: 0 } });
    onTestFinished(() => supervisor.end());
    return supervisor;
  }

  const onRun = (what: string) => `process.on("message", ({ type }) => { if (type === "run") { ${what} } });`;

  it("by SIGKILL is told as the system's", async () => {
    const supervisor = await aSupervisor(onRun('process.kill(process.pid, "SIGKILL");'));
    await expect(supervisor.run(await aJob(), events())).rejects.toMatchObject({
      ...{ code: "worker_died", facts: { signal: "SIGKILL", killed: true } },
    });
  });

  it("by any other signal is not", async () => {
    const supervisor = await aSupervisor(onRun('process.kill(process.pid, "SIGSEGV");'));
    await expect(supervisor.run(await aJob(), events())).rejects.toMatchObject({ facts: { killed: false } });
  });

  it("because the task was cancelled is told as that, also where it has to be forced", async () => {
    const tell = 'process.send({ type: "segment" });';
    const supervisor = await aSupervisor(`process.on("SIGTERM", () => {}); ${onRun(tell)}`);
    const abort = new AbortController();
    const run = supervisor.run(await aJob(), { ...events(), signal: abort.signal, onSegment: () => abort.abort() });
    await expect(run).rejects.toMatchObject({ code: "cancelled" });
  });
});
