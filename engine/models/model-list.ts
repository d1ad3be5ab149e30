import { dirname } from "node:path";
import { EngineError } from "../errors.ts";
import { closest } from "../schemas/closest.ts";
import type { ModelEntry } from "../schemas/results.ts";
import { builtinModel, publishedModels, recommendedModel } from "./catalogue.ts";
import { autoencoderName, findCheckpoints, findPrompt, promptNames } from "./find-checkpoints.ts";
import type { FoundCheckpoint, FoundCheckpoints } from "./find-checkpoints.ts";

export interface ModelPlaces {
  readonly modelDirs: readonly string[];
  readonly builtinModel: string;
}

/** Every model: the published ones in the contract's order, the built-in one, then whatever else lies in the folders. */
export async function listModels(places: ModelPlaces): Promise<ModelEntry[]> {
  const found = await findCheckpoints(places.modelDirs);
  const published = await Promise.all(
    publishedModels.map(async (model) => entryOf(model, found.transformers.get(model.name), found, places)),
  );
  const names = new Set(publishedModels.map(({ name }) => name));
  const others = [...found.transformers].filter(([name]) => !names.has(name));
  const unknown = await Promise.all(
    others.map(async ([name, file]) => entryOf({ ...unknownModelTexts, name }, file, found, places)),
  );
  return [...published, { ...builtinModel, ...builtinState(places) }, ...unknown];
}

const builtinState = ({ builtinModel: path }: ModelPlaces) => ({
  ...{ installed: true, runnable: true, builtin: true, path },
});

const unknownModelTexts = {
  ...{ params: "?", precision: "?", size: "?", vram: "?", variant: null },
  desc: { en: "Found in the model folder", "zh-CN": "在模型文件夹中找到" },
};

type Texts = Pick<ModelEntry, "name" | "params" | "precision" | "size" | "vram" | "variant" | "desc">;

async function entryOf(
  texts: Texts,
  file: FoundCheckpoint | undefined,
  { autoencoder }: FoundCheckpoints,
  { modelDirs }: ModelPlaces,
): Promise<ModelEntry> {
  const state = { ...texts, installed: file !== undefined, runnable: false, builtin: false, path: file?.path ?? null };
  if (!file) return { ...state, reason: "Not installed." };
  if (file.fault !== null) return { ...state, reason: file.fault };
  const prompt = file.holdsPrompt ? null : await findPrompt([dirname(file.path), ...modelDirs]);
  const missing = [
    ...(autoencoder === null ? [`its autoencoder (${autoencoderName})`] : []),
    ...(prompt === undefined ? [`the prompt embedding (${promptNames.join(" or ")})`] : []),
  ];
  if (autoencoder === null || prompt === undefined) {
    return { ...state, reason: `Missing: ${missing.join(" and ")}, looked for in ${modelDirs.join(", ")}.` };
  }
  return { ...state, runnable: true, autoencoder, prompt };
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
