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
  return 0;
}

function availability(model: ModelEntry): string {
  if (!model.installed) return "not installed";
  return model.runnable ? "ready" : `cannot run: ${model.reason ?? "no reason known"}`;
}
