import type { ModelEntry } from "../../engine/index.ts";
import type { Settings } from "../config.ts";
import { withEngine } from "../connection.ts";
import { printJson, printLine } from "../failure.ts";
import { table } from "../table.ts";

/** The models with what they need and whether they can run here. */
export async function listModels(settings: Settings, json: boolean): Promise<number> {
  const answer = await withEngine(settings, (engine) => engine.call("list_available_models", {}));
  if (json) {
    for (const model of answer.models) printJson({ ...model, default: model.name === answer.default });
    return 0;
  }
  const rows = answer.models.map((model) => [
    `${model.name === answer.default ? "*" : " "} ${model.name}`,
    model.params,
    model.precision,
    model.size,
    model.vram,
    availability(model),
  ]);
  printLine(table(["  model (* default)", "params", "precision", "size", "memory", "state"], rows));
  if (answer.cache_bytes > 0) {
    printLine(
      `\nRepacked files take ${megabytes(answer.cache_bytes)} in the cache folder; "seedvr2 models clean" removes them.`,
    );
  }
  return 0;
}

/** Removes repacked files that no running task uses; they are made again when they are needed. */
export async function cleanModels(settings: Settings, json: boolean): Promise<number> {
  const answer = await withEngine(settings, (engine) => engine.call("clean_model_cache", {}));
  if (json) printJson(answer);
  else printLine(answer.message);
  return 0;
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;

function availability(model: ModelEntry): string {
  if (!model.installed) return "not installed";
  return model.runnable ? "ready" : `cannot run: ${model.reason ?? "no reason known"}`;
}
