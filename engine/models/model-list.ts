import { dirname } from "node:path";
import { EngineError } from "../errors.ts";
import { closest } from "../schemas/closest.ts";
import type { ModelEntry } from "../schemas/results.ts";
import { builtinModel, contractModels, furtherModels, recommendedModel } from "./catalogue.ts";
import { findCheckpoints, findPrompt } from "./find-checkpoints.ts";
import type { FoundCheckpoint } from "./find-checkpoints.ts";
import { foundTexts, type ModelTexts } from "./found-model.ts";
import { modelFolders, promptFolders, type ModelPlaces } from "./model-folders.ts";
import { autoencoderFile, promptFile, promptNames, publishedFile, type PublishedFile } from "./published-files.ts";
import { withSameNetwork } from "./same-network.ts";

/** What of a model is on this machine. */
interface Inventory {
  readonly transformers: ReadonlyMap<string, FoundCheckpoint>;
  readonly autoencoder: string | null;
  /** Of transformers that do not carry the prompt embedding. */
  readonly prompt: string | undefined;
  readonly searched: readonly string[];
}

/**
 * Every model: the contract's in its order, the built-in one, the others that are published, then whatever else lies
 * in the folders.
 */
export async function listModels(places: ModelPlaces): Promise<ModelEntry[]> {
  const inventory = await takeInventory(places);
  const entry = async (texts: ModelTexts) => entryOf(texts, inventory);
  const contract = await Promise.all(contractModels.map(entry));
  const further = await Promise.all(furtherModels.map(entry));
  const names = new Set([...contractModels, ...furtherModels].map(({ name }) => name));
  const others = [...inventory.transformers].filter(
    ([name, { content }]) => !names.has(name) && content.kind === "transformer",
  );
  const unknown = await Promise.all(others.map(async ([name, found]) => entry(await foundTexts(name, found))));
  const builtin = { ...builtinModel, ...builtinState(places) };
  return withSameNetwork([...contract, builtin, ...further, ...unknown], inventory.transformers);
}

async function takeInventory(places: ModelPlaces): Promise<Inventory> {
  const folders = (await modelFolders(places)).map(({ path }) => path);
  const { transformers, autoencoder } = await findCheckpoints(folders);
  const beside = [...transformers.values()].map(({ path }) => dirname(path));
  const prompt = await findPrompt([...folders, ...beside, ...(await promptFolders(places))]);
  return { transformers, autoencoder, prompt, searched: folders };
}

const builtinState = ({ builtinModel: path }: ModelPlaces) => ({
  ...{ installed: true, runnable: true, builtin: true, path },
});

async function entryOf(texts: ModelTexts, inventory: Inventory): Promise<ModelEntry> {
  const found = inventory.transformers.get(texts.name);
  const state = { ...texts, installed: found !== undefined, runnable: false, builtin: false, path: found?.path ?? null };
  if (!found) return { ...state, reason: "Not installed." };
  if (found.content.kind === "faulty") return { ...state, reason: found.content.fault };
  const { autoencoder, searched } = inventory;
  const prompt = found.content.holdsPrompt ? null : inventory.prompt;
  const missing = [
    ...(autoencoder === null ? [`its autoencoder (${autoencoderFile.name})`] : []),
    ...(prompt === undefined ? [`the prompt embedding (${promptNames.join(" or ")})`] : []),
  ];
  if (autoencoder === null || prompt === undefined) {
    const reason = `Missing: ${missing.join(" and ")}, looked for in ${searched.join(", ")}.`;
    return { ...state, reason, ...(autoencoder !== null && { autoencoder }) };
  }
  return { ...state, runnable: true, autoencoder, prompt };
}

/**
 * Published files that a model still needs before it can run; nothing where its transformer can be had nowhere. Throws
 * `not_runnable` for one whose file is there and cannot be read: whatever was fetched beside it, it would not run.
 */
export async function missingFiles(model: ModelEntry, places: ModelPlaces): Promise<PublishedFile[] | null> {
  if (model.runnable) return [];
  const file = publishedFile(model.name);
  if (!model.installed && !file) return null;
  const { autoencoder, prompt, transformers } = await takeInventory(places);
  const found = transformers.get(model.name);
  refuseFaulty(model.name, found);
  const carriesPrompt = found?.content.kind === "transformer" ? found.content.holdsPrompt : file?.withPrompt === true;
  return [
    ...(prompt === undefined && !carriesPrompt ? [promptFile] : []),
    ...(autoencoder === null ? [autoencoderFile] : []),
    ...(model.installed || !file ? [] : [file]),
  ];
}

/** What a task without `dit_model` gets: the configured one if it can run, else the recommended, else the built-in. */
export function defaultModel(models: readonly ModelEntry[], configured: string | null): ModelEntry {
  const wished = configured === null ? undefined : matching(models, configured);
  const candidates = [wished, models.find((m) => m.name === recommendedModel), models.find((m) => m.builtin)];
  return candidates.find((model) => model?.installed && model.runnable)!;
}

/** The model's name as it stands in file names: without `seedvr2_ema_`, `seedvr2_`, `_e4m3fn` and the extension. */
export function shortName(name: string): string {
  return withoutExtension(name)
    .replace(/^seedvr2_(ema_)?/, "")
    .replace(/_e4m3fn/, "");
}

const withoutExtension = (name: string) => name.replace(/\.(safetensors|gguf|onnx)$/i, "");

/** A model by full, extension-less or short name; case does not matter. Of two with one short name the installed one. */
function matching(models: readonly ModelEntry[], wanted: string): ModelEntry | undefined {
  const plain = wanted.toLowerCase();
  const named = models.filter(({ name }) =>
    [name, withoutExtension(name), shortName(name)].some((form) => form.toLowerCase() === plain),
  );
  const exact = named.find(({ name }) => [name, withoutExtension(name)].some((form) => form.toLowerCase() === plain));
  return exact ?? named.find(({ runnable }) => runnable) ?? named[0];
}

/** Finds a model by any of its names, whether or not it can run. Throws `not_found`. */
export function knownModel(models: readonly ModelEntry[], wanted: string): ModelEntry {
  const model = matching(models, wanted);
  if (!model) throw unknownModel(models, wanted);
  return model;
}

/** Finds a model that can run by any of its names. Throws `not_found`, `not_installed` or `not_runnable`. */
export function runnableModel(models: readonly ModelEntry[], wanted: string): ModelEntry {
  const model = knownModel(models, wanted);
  if (!model.installed) {
    throw new EngineError("not_installed", {
      what: `Model ${model.name} is known but not installed.`,
      todo: `Fetch it (seedvr2 models pull ${shortName(model.name)}, or download true), put the file into the model folder (MODEL_DIR), or use ${builtinModel.name}, which is always there.`,
      facts: { model: model.name },
    });
  }
  if (!model.runnable) {
    throw new EngineError("not_runnable", {
      what: `Model ${model.name} is installed but cannot be run.`,
      ...(model.reason && { why: model.reason }),
      todo: `Fetch what is missing (seedvr2 models pull ${shortName(model.name)}, or download true), or use ${builtinModel.name} for now.`,
      facts: { model: model.name },
    });
  }
  return model;
}

function refuseFaulty(model: string, found: FoundCheckpoint | undefined): void {
  if (found?.content.kind !== "faulty") return;
  const { path } = found;
  throw new EngineError("not_runnable", {
    what: `Model ${model} is installed but its file cannot be read.`,
    why: found.content.fault,
    todo: `Move ${path} elsewhere, which is never overwritten, and fetch the model again (seedvr2 models pull ${shortName(model)}).`,
    facts: { model, path },
  });
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
