import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { closest } from "../schemas/closest.ts";
import type { ModelEntry } from "../schemas/results.ts";
import { builtinModel, publishedModels, recommendedModel } from "./catalogue.ts";

const CHECKPOINT = /\.(safetensors|gguf)$/i;
/** Files beside the transformers that are no transformers. */
const OTHER_PARTS = /vae|pos_emb|neg_emb/i;
const NOT_YET = "SeedVR2 checkpoints are recognised but cannot be run by this version yet; the built-in model can.";

export interface ModelPlaces {
  readonly modelDirs: readonly string[];
  readonly builtinModel: string;
}

/** Every model: the published ones in the contract's order, the built-in one, then whatever else lies in the folders. */
export async function listModels(places: ModelPlaces): Promise<ModelEntry[]> {
  const found = await checkpointsIn(places.modelDirs);
  const published = publishedModels.map((model): ModelEntry => {
    const path = found.get(model.name) ?? null;
    found.delete(model.name);
    return {
      ...model,
      installed: path !== null,
      runnable: false,
      reason: path ? NOT_YET : "Not installed.",
      builtin: false,
      path,
    };
  });
  const others = [...found].map(([name, path]) => unknownCheckpoint(name, path));
  return [...published, builtinEntry(places), ...others];
}

function builtinEntry(places: ModelPlaces): ModelEntry {
  return { ...builtinModel, installed: true, runnable: true, builtin: true, path: places.builtinModel };
}

function unknownCheckpoint(name: string, path: string): ModelEntry {
  return {
    name,
    params: "?",
    precision: "?",
    size: "?",
    vram: "?",
    variant: null,
    desc: { en: "Found in the model folder", "zh-CN": "在模型文件夹中找到" },
    installed: true,
    runnable: false,
    reason: NOT_YET,
    builtin: false,
    path,
  };
}

/** Checkpoints by file name; the first folder that has a name wins. Unreadable folders hold nothing. */
async function checkpointsIn(folders: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => [] as string[]);
    for (const name of names.sort()) {
      if (!CHECKPOINT.test(name) || OTHER_PARTS.test(name) || found.has(name)) continue;
      const path = join(folder, name);
      if ((await stat(path).catch(() => null))?.isFile()) found.set(name, path);
    }
  }
  return found;
}

/** What a task without `dit_model` gets: the configured one if it can run, else the recommended, else the built-in. */
export function defaultModel(models: readonly ModelEntry[], configured: string | null): ModelEntry {
  const wished = configured === null ? undefined : matching(models, configured);
  const candidates = [wished, models.find((m) => m.name === recommendedModel), models.find((m) => m.builtin)];
  return candidates.find((model) => model?.installed && model.runnable)!;
}

/** The model's name as it stands in file names: without `seedvr2_ema_`, `_e4m3fn` and the extension. */
export function shortName(name: string): string {
  return withoutExtension(name)
    .replace(/^seedvr2_ema_/, "")
    .replace(/_e4m3fn/, "");
}

const withoutExtension = (name: string) => name.replace(/\.(safetensors|gguf|onnx)$/i, "");

/** A model by full, extension-less or short name; case does not matter. */
function matching(models: readonly ModelEntry[], wanted: string): ModelEntry | undefined {
  const plain = wanted.toLowerCase();
  return models.find(({ name }) =>
    [name, withoutExtension(name), shortName(name)].some((form) => form.toLowerCase() === plain),
  );
}

/** Finds a model that can run by any of its names. Throws `not_found`, `not_installed` or `not_runnable`. */
export function runnableModel(models: readonly ModelEntry[], wanted: string): ModelEntry {
  const model = matching(models, wanted);
  if (!model) throw unknownModel(models, wanted);
  if (!model.installed) {
    throw new EngineError("not_installed", {
      what: `Model ${model.name} is known but not installed.`,
      todo: `Put the file into the model folder (MODEL_DIR), or use ${builtinModel.name}, which is always there.`,
      facts: { model: model.name },
    });
  }
  if (!model.runnable) {
    throw new EngineError("not_runnable", {
      what: `Model ${model.name} is installed but cannot be run.`,
      ...(model.reason && { why: model.reason }),
      todo: `Use ${builtinModel.name} for now.`,
      facts: { model: model.name },
    });
  }
  return model;
}

function unknownModel(models: readonly ModelEntry[], wanted: string): EngineError {
  const near = closest(
    wanted,
    models.flatMap(({ name }) => [name, shortName(name)]),
  );
  return new EngineError("not_found", {
    what: `There is no model ${JSON.stringify(wanted)}.`,
    ...(near && { why: `Did you mean ${near}?` }),
    todo: "list_available_models (seedvr2 models) names them all.",
    facts: { model: wanted },
  });
}
