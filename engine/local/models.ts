import type { EngineConfig } from "../config.ts";
import { asEngineError, EngineError } from "../errors.ts";
import { Downloads, type JoinOptions } from "../models/download/downloads.ts";
import { defaultModel, knownModel, listModels, missingFiles, runnableModel } from "../models/model-list.ts";
import { modelShape } from "../models/model-shape.ts";
import type { PublishedFile } from "../models/published-files.ts";
import { defaultPlan, memoryHere, type MemoryHere } from "../pipeline/memory-plan.ts";
import type { OperationOutput } from "../operations/operations.ts";
import type { ModelEntry } from "../schemas/results.ts";
import { cacheBytes } from "../weights/repack-cache.ts";
import type { Supervisor } from "../worker/supervisor.ts";
import { modelSpecOf } from "./model-spec.ts";

export interface ModelsParts {
  readonly config: EngineConfig;
  readonly supervisor: Pick<Supervisor, "load" | "loaded" | "loading" | "device">;
  /** Name of the running task's model; null while none runs. */
  readonly inUse: () => string | null;
  readonly onError: (error: EngineError) => void;
}

/** A download that fails at once is told to whoever asked for it; later ones in the list of models. Milliseconds. */
const FIRST_ANSWER = 1000;

/** The models as users live with them: listed, fetched, loaded. */
export class Models {
  readonly #parts: ModelsParts;
  readonly #downloads: Downloads;
  #scheduled: string | null = null;

  constructor(parts: ModelsParts) {
    this.#parts = parts;
    const [folder] = parts.config.modelDirs;
    this.#downloads = new Downloads(parts.config.download, folder ?? parts.config.stateDir);
  }

  get downloading(): boolean {
    return this.#downloads.active;
  }

  async close(): Promise<void> {
    await this.#downloads.close();
  }

  /** Every model with the state of its download. */
  async entries(): Promise<ModelEntry[]> {
    const models = await listModels(this.#parts.config);
    return models.map((model) => ({ ...model, ...this.#downloadState(model.name) }));
  }

  async list(wishedDefault: string | null): Promise<OperationOutput<"list_available_models">> {
    const { supervisor } = this.#parts;
    const here = memoryHere(supervisor.device);
    const models = await Promise.all((await this.entries()).map((model) => withMemory(model, here)));
    return {
      models,
      default: defaultModel(models, wishedDefault).name,
      current: supervisor.loaded?.model ?? null,
      loading: supervisor.loading !== null,
      loading_model: supervisor.loading,
      cache_bytes: await cacheBytes(this.#parts.config.cacheDir),
    };
  }

  /** Loads a model, after the running task where that has another; fetches it first where that is wished. */
  async switchTo(wanted: string, download: boolean): Promise<OperationOutput<"switch_model">> {
    const { config, supervisor, inUse } = this.#parts;
    const models = await listModels(config);
    const known = knownModel(models, wanted);
    if (download && !known.runnable) {
      const begun = await this.#begin(known, () => this.#switchLater(known.name));
      if (begun) return begun;
      return this.switchTo(known.name, false);
    }
    const model = runnableModel(models, wanted);
    const running = inUse();
    const another = running !== null && running !== model.name;
    this.#scheduled = another ? model.name : null; // the latest wish counts
    if (another) return { status: "scheduled", model: model.name };
    if (running === null) await supervisor.load(modelSpecOf(model, config.cacheDir));
    // The running task's own model may still be fetched, looked at or loaded.
    return { status: supervisor.loaded?.model === model.name ? "loaded" : "loading", model: model.name };
  }

  /** Loads what was scheduled behind a task that works no longer. */
  taskRests(): void {
    const scheduled = this.#scheduled;
    this.#scheduled = null;
    if (scheduled !== null) this.#switchLater(scheduled);
  }

  /** Fetches a model's files in the background, or ends that. */
  async download(wanted: string, cancel: boolean): Promise<OperationOutput<"download_model">> {
    const model = knownModel(await this.entries(), wanted);
    if (cancel) {
      if (this.#downloads.cancel(model.name)) return { status: "cancelled", model: model.name };
      throw new EngineError("wrong_state", { what: `${model.name} is not being downloaded.` });
    }
    return (await this.#begin(model, () => undefined)) ?? { status: "installed", model: model.name };
  }

  /** A model that can run. Throws `not_found`, `not_installed` or `not_runnable`. */
  async ready(wanted: string): Promise<ModelEntry> {
    return runnableModel(await listModels(this.#parts.config), wanted);
  }

  /** Whether a model can run as it is. Throws `not_found`. */
  async canRun(wanted: string): Promise<boolean> {
    return knownModel(await listModels(this.#parts.config), wanted).runnable;
  }

  /**
   * Fetches what a model lacks, or joins the download under way, until the signal says to leave. Throws where it cannot
   * run even then.
   */
  async fetch(wanted: string, options: JoinOptions): Promise<void> {
    const model = knownModel(await listModels(this.#parts.config), wanted);
    const files = model.runnable ? [] : await this.#filesOf(model);
    if (files.length) await this.#downloads.join(model.name, files, options);
    await this.ready(model.name);
  }

  /** Starts or joins a download; null where it is done at once, else what to answer. */
  async #begin(model: ModelEntry, then: () => void): Promise<Begun | null> {
    const files = await this.#filesOf(model);
    if (!files.length) return null;
    const done = this.#downloads.join(model.name, files).then(() => true);
    let timer: NodeJS.Timeout | undefined;
    const later = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), FIRST_ANSWER)));
    const finished = await Promise.race([done, later]).finally(() => clearTimeout(timer));
    if (finished) return null;
    done.then(then, (error: unknown) => this.#parts.onError(asEngineError(error)));
    const { progress } = this.#downloadState(model.name);
    return { status: "downloading", model: model.name, ...(progress !== undefined && { progress }) };
  }

  /** What of a model is still to be fetched. Throws where fetching would not make it run. */
  async #filesOf(model: ModelEntry): Promise<PublishedFile[]> {
    const files = await missingFiles(model, this.#parts.config);
    if (files === null) {
      throw new EngineError("not_installed", {
        what: `Nobody has published a model under the name ${model.name}.`,
        todo: "Put its file into the model folder (MODEL_DIR).",
      });
    }
    if (!files.length) runnableModel([model], model.name); // throws with the reason where nothing is missing
    return files;
  }

  #downloadState(model: string): Pick<ModelEntry, "progress" | "download" | "download_error"> {
    const failure = this.#downloads.failureOf(model);
    if (failure) return { download_error: failure.message };
    if (!this.#downloads.isRunning(model)) return {};
    const progress = this.#downloads.progressOf(model);
    if (!progress) return { progress: 0 };
    const { file, bytes, total, etaSeconds } = progress;
    const percent = total ? Math.floor((1000 * bytes) / total) / 10 : 0;
    return { progress: percent, download: { file, bytes, total, eta: etaSeconds } };
  }

  #switchLater(model: string): void {
    this.switchTo(model, false).catch((error: unknown) => this.#parts.onError(asEngineError(error)));
  }
}

/** A model with what its default task needs here; without that where its file cannot be read. */
async function withMemory(model: ModelEntry, here: MemoryHere): Promise<ModelEntry> {
  const shape = await modelShape(model);
  if (!shape && !model.builtin) return model;
  const { needed, fits } = defaultPlan(shape, here);
  return { ...model, memory_bytes: needed, fits };
}

type Begun = OperationOutput<"download_model"> & { status: "downloading" };
