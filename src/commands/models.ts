import { setTimeout as pause } from "node:timers/promises";
import type { Engine, ModelEntry } from "../../engine/index.ts";
import type { Settings } from "../config.ts";
import { withEngine } from "../connection.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson, printLine } from "../failure.ts";
import { listenForInterruption } from "../interruption.ts";
import { table } from "../table.ts";
import { durationText, showShare } from "../upscale/progress.ts";

/** The models with what they need and whether they can run here. */
export async function listModels(settings: Settings, json: boolean): Promise<number> {
  const answer = await withEngine(settings, (engine) => engine.call("list_available_models", {}));
  if (json) {
    for (const model of answer.models) printJson({ ...model, default: model.name === answer.default });
    return 0;
  }
  printLine(modelsText(answer.models, answer.default));
  if (answer.cache_bytes > 0) {
    printLine(
      `\nRepacked files take ${megabytes(answer.cache_bytes)} in the cache folder; "seedvr2 models clean" removes them.`,
    );
  }
  return 0;
}

/** A line for each model, and below it what it is good for. */
export function modelsText(models: readonly ModelEntry[], usual: string): string {
  const rows = models.map((model) => [
    `${model.name === usual ? "*" : " "} ${model.name}`,
    model.params,
    model.precision,
    model.size,
    model.vram,
    memoryHere(model),
    availability(model),
  ]);
  const headings = ["  model (* default)", "params", "precision", "size", "GPU memory", "1080p picture here", "state"];
  const [heading = "", ...lines] = table(headings, rows).split("\n");
  return [heading, ...lines.flatMap((line, index) => [line, `      ${models[index]?.desc.en ?? ""}`])].join("\n");
}

/** Removes repacked files that no running task uses; they are made again when they are needed. */
export async function cleanModels(settings: Settings, json: boolean): Promise<number> {
  const answer = await withEngine(settings, (engine) => engine.call("clean_model_cache", {}));
  if (json) printJson(answer);
  else printLine(answer.message);
  return 0;
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;

/** What a picture of 1080p needs here, and whether there is so much. */
function memoryHere({ memory_bytes: bytes, fits }: ModelEntry): string {
  if (bytes === undefined) return "";
  return `${(bytes / 1e9).toFixed(1)} GB, ${fits ? "fits" : "does not fit"}`;
}

function availability(model: ModelEntry): string {
  if (model.progress !== undefined) return `downloading, ${model.progress} % of ${model.download?.file ?? "its files"}`;
  if (!model.installed) return "not installed";
  if (!model.runnable) return `cannot run: ${model.reason ?? "no reason known"}`;
  return model.same_network ? `ready; the same network: ${model.same_network.join(", ")}` : "ready";
}

/** How often progress is asked for. Milliseconds. */
const POLL = 1000;

/** Fetches a model's files and waits for them; Ctrl-C ends the download, what has come is kept. */
export async function pullModel(settings: Settings, wanted: string, json: boolean): Promise<number> {
  const interruption = listenForInterruption();
  try {
    return await withEngine(settings, async (engine) => {
      const { model, status } = await engine.call("download_model", { model: wanted });
      const ended = status === "installed" ? null : await followDownload(engine, model, interruption.signal);
      if (ended === "cancelled") await engine.call("download_model", { model, cancel: true });
      const { models } = await engine.call("list_available_models", {});
      const entry = models.find(({ name }) => name === model);
      const failure = ended ?? (entry?.runnable === false ? `${model} ${availability(entry)}` : null);
      if (json) printJson(entry ?? { name: model });
      else if (failure === null) printLine(entry?.path ?? model);
      if (failure !== null) process.stderr.write(`${failure === "cancelled" ? "Cancelled." : failure}\n`);
      if (failure === "cancelled") return exitCodes.cancelled;
      return failure === null ? 0 : exitCodes.download_failed;
    });
  } finally {
    interruption.end();
  }
}

/** Shows a download until it has ended; resolves to why it failed, or null. */
async function followDownload(engine: Engine, model: string, signal: AbortSignal): Promise<string | null> {
  const view = showShare(model);
  try {
    for (;;) {
      await pause(POLL, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return "cancelled";
      const { models } = await engine.call("list_available_models", {});
      const entry = models.find(({ name }) => name === model);
      if (entry?.download_error) return entry.download_error;
      if (entry?.progress === undefined) return null;
      view.update(entry.progress, downloadText(entry));
    }
  } finally {
    view.end();
  }
}

function downloadText({ download }: ModelEntry): string {
  if (!download) return "connecting";
  const eta = download.eta === null ? [] : [`${durationText(download.eta)} left`];
  const size = download.total === null ? [] : [`of ${(download.total / 1e9).toFixed(2)} GB`];
  return [`downloading ${download.file}`, [(download.bytes / 1e9).toFixed(2), ...size].join(" "), ...eta].join(", ");
}
