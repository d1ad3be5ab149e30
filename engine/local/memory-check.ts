import { EngineError } from "../errors.ts";
import { bestFirst } from "../models/best-first.ts";
import { modelShape } from "../models/model-shape.ts";
import type { MemoryPlan } from "../pipeline/memory-plan.ts";
import type { ModelEntry } from "../schemas/results.ts";
import { gigabytes, planWith, suggestionsFor, type Alternative, type MemoryQuestion } from "./suggestions.ts";

/** The SeedVR2 models that can run here, best first. */
export async function runnableBestFirst(models: readonly ModelEntry[]): Promise<Alternative[]> {
  const shapes = await Promise.all(models.map(async (model) => ({ model, shape: await modelShape(model) })));
  return shapes
    .flatMap(({ model, shape }) =>
      model.runnable && shape ? [{ name: model.name, variant: model.variant, shape }] : [],
    )
    .sort(bestFirst);
}

/**
 * Refuses with `does_not_fit` a task that needs more memory than there is, naming both and what would fit. Tiles of our
 * choosing are taken into account: they are what makes a task fit by itself. The built-in model is never refused.
 */
export async function refuseWhatDoesNotFit(
  question: MemoryQuestion,
  model: ModelEntry,
  models: readonly ModelEntry[],
): Promise<void> {
  const shape = await modelShape(model);
  if (!shape) return;
  const { needed, fits, tiles } = planWith(question, {}, shape);
  if (fits) return;
  const others = (await runnableBestFirst(models)).filter(({ name }) => name !== model.name);
  const suggestions = suggestionsFor(question, { name: model.name, shape }, others);
  throw new EngineError("does_not_fit", {
    what: `This needs about ${gigabytes(needed)} of memory, and there are ${gigabytes(question.memory.available)} for it here.`,
    why: workWords(question, model.name, tiles),
    todo: suggestions.length ? suggestions.map(({ text }) => text).join(" ") : "Nothing smaller fits either.",
    facts: { needed_bytes: needed, available_bytes: question.memory.available, suggestions },
  });
}

/** "seedvr2_ema_3b_fp16.safetensors to 1920x1080, 5 frames at a time, frames whole." */
function workWords({ kind, parameters, sizeOf }: MemoryQuestion, name: string, tiles: MemoryPlan["tiles"]): string {
  const { width, height } = sizeOf(parameters);
  const batch = kind === "video" ? `, ${parameters.batch_size} frames at a time` : "";
  return `${name} to ${width}x${height}${batch}, ${tiles ? `in tiles of ${tiles.side} pixels` : "frames whole"}.`;
}
