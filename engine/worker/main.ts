import { setPriority } from "node:os";
import { Worker } from "node:worker_threads";
import { asEngineError } from "../errors.ts";
import type { DeviceChoice } from "../onnx/device-choice.ts";
import type { Device } from "../onnx/providers.ts";
import { tryDevice } from "../onnx/try-device.ts";
import type { Job, ModelSpec } from "../pipeline/job.ts";
import { readManifest } from "../pipeline/manifest.ts";
import { runJob } from "../pipeline/run-job.ts";
import { upscaleSettings } from "../pipeline/upscale-settings.ts";
import { openModelThread } from "../upscalers/open-model-thread.ts";
import type { LoadedModel } from "../upscalers/upscaler.ts";
import { modelKey } from "./model-key.ts";
import { toWorker } from "./protocol.ts";
import type { FromWorker, WorkerSetup } from "./protocol.ts";
import { TRY_DEVICE } from "./try-devices.ts";

/**
 * The worker process: decodes, computes and encodes one task after the other, and owns the memory of the model. It
 * ends with the engine, however that ends.
 */

/** Progress is told this often at most. Milliseconds. */
const TELL_EVERY = 250;
/** Below the surfaces: status calls are answered while a network uses every processor. */
const NICENESS = 5;

let setup: WorkerSetup = { device: "auto", threads: 0 };
let held: { key: string; model: LoadedModel } | null = null;

function tell(message: FromWorker): void {
  process.send?.(message);
}

/** Tells at the end that the model is loaded, also where it was before. */
async function load(wanted: ModelSpec, choice?: DeviceChoice): Promise<LoadedModel> {
  const key = await modelKey(wanted, choice);
  const model = held?.key === key ? held.model : await replaceHeld(wanted, choice);
  held = { key, model };
  tell({ type: "loaded", model: wanted.name, device: model.device });
  return model;
}

async function replaceHeld({ name, ...files }: ModelSpec, choice?: DeviceChoice): Promise<LoadedModel> {
  tell({ type: "loading", model: name });
  await held?.model.close();
  held = null;
  const entry = new URL("./upscaler-thread.js", import.meta.url);
  return openModelThread(entry, { files, choice, ...setup });
}

async function run(job: Job): Promise<void> {
  const begun = await readManifest(job.workDir);
  const model = await load(job.model, begun ? begun.plan.choice : job.choice);
  const upscaler = await model.upscaler(upscaleSettings(job));
  let [told, stage] = [0, ""];
  try {
    const result = await runJob(job, {
      upscaler,
      onProgress: (progress) => {
        if (performance.now() - told < TELL_EVERY && progress.stage === stage) return;
        [told, stage] = [performance.now(), progress.stage];
        tell({ type: "progress", ...progress });
      },
      onSegment: () => tell({ type: "segment" }),
    });
    tell({ type: "done", result });
  } finally {
    await upscaler.close();
  }
}

async function handle(raw: unknown): Promise<void> {
  const message = toWorker.parse(raw);
  switch (message.type) {
    case "setup":
      setup = message.setup;
      return;
    case "load":
      await load(message.model, message.choice);
      return;
    case "run":
      return run(message.job);
  }
}

/**
 * Ends this process when the engine has died. The message channel tells, but only while this thread's loop turns; a
 * thread that does nothing but read a pipe from the engine sees its end in any case.
 */
function dieWithEngine(): void {
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  const watch = `
    const { createReadStream } = require("node:fs");
    const gone = () => process.kill(process.pid, "SIGKILL");
    createReadStream("", { fd: 4, autoClose: false }).on("end", gone).on("error", gone).resume();`;
  new Worker(watch, { eval: true }).unref();
}

if (process.argv[2] === TRY_DEVICE && process.argv[3]) {
  process.stdout.write(`${JSON.stringify(await tryDevice(JSON.parse(process.argv[3]) as Device))}\n`);
} else {
  dieWithEngine();
  setPriority(NICENESS);
  process.on("message", (raw) => {
    handle(raw).catch((error: unknown) => tell({ type: "failed", error: asEngineError(error).toJSON() }));
  });
}
