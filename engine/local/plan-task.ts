import { EngineError } from "../errors.ts";
import { builtinModel } from "../models/catalogue.ts";
import { knownModel, runnableModel } from "../models/model-list.ts";
import type { MediaInfo } from "../media/media-info.ts";
import { modelShape, type ModelShape } from "../models/model-shape.ts";
import { deviceName } from "../onnx/providers.ts";
import type { OperationOutput } from "../operations/operations.ts";
import type { MemoryPlan } from "../pipeline/memory-plan.ts";
import type { ModelEntry, Suggestion } from "../schemas/results.ts";
import { measuredSeconds } from "../tasks/estimates.ts";
import type { Task } from "../tasks/task.ts";
import { runnableBestFirst } from "./memory-check.ts";
import { clipEncoding, readWish, smallerNote, type SubmissionParts, type Wish } from "./submission.ts";
import { gigabytes, namesModel, planWith, steadierSuggestion, suggestionsFor } from "./suggestions.ts";
import type { MemoryQuestion } from "./suggestions.ts";

export interface PlanParts extends Pick<SubmissionParts, "probe" | "models" | "memory" | "encoders"> {
  /** Finished tasks, from which times are learnt. */
  readonly completed: () => Promise<readonly Task[]>;
}

type Plan = OperationOutput<"plan">;

/** What the summary tells. */
type PlanFacts = Pick<
  Plan,
  | ("kind" | "model" | "reason" | "width" | "height" | "frames" | "tiles" | "batch_size" | "device")
  | ("needed_bytes" | "available_bytes" | "fits" | "expected_seconds" | "notes" | "suggestions")
>;

/** A model, why it was chosen, and how the task would run with it. */
interface Choice {
  readonly model: ModelEntry;
  readonly shape: ModelShape | null;
  readonly reason: string;
  readonly memory: MemoryPlan;
}

/**
 * What a submission would do. Throws what a submission throws that no other model or size could change; a model that is
 * not installed can be planned with too.
 */
export async function planTask(wish: Wish, parts: PlanParts): Promise<Plan> {
  const read = await readWish(wish, parts);
  const { parameters } = wish;
  const question = { kind: read.kind, parameters, sizeOf: read.sizeOf, memory: parts.memory };
  const models = await parts.models();
  const choice = namesModel(parameters)
    ? await named(question, models, String(parameters.dit_model))
    : await bestThatFits(question, models);
  const suggestions = await suggestionsOf(question, wholeFrames(read.info), choice, models);
  const target = read.sizeOf(parameters);
  if (read.info.kind === "clip") await clipEncoding(read.info, { ...read, target, parameters }, parts);
  const expected = { target, frames: read.frames, parameters: { dit_model: choice.model.name } };
  const seconds = measuredSeconds(expected, await parts.completed());
  const { memory, shape, model, reason } = choice;
  const plan = {
    ...{ kind: read.kind, model: model.name, reason, ...target, frames: read.frames },
    tiles: memory.tiles,
    batch_size: memory.batchSize,
    prompt: promptOf(model),
    fits: memory.fits,
    needed_bytes: memory.needed,
    weights_bytes: shape?.bytes ?? 0,
    available_bytes: parts.memory.available,
    device: deviceName(parts.memory.choice),
    expected_seconds: seconds === null ? null : Math.round(seconds * 10) / 10,
    time_from: seconds === null ? ("not measured yet" as const) : ("measured here" as const),
    notes: [...smallerNote(read.info, target), ...notesOf(choice, parts)],
    suggestions,
  };
  return { summary: summaryOf(plan), ...plan };
}

/** The best model of those that can run whose plan fits; the built-in one where none does. */
async function bestThatFits(question: MemoryQuestion, models: readonly ModelEntry[]): Promise<Choice> {
  const candidates = await runnableBestFirst(models);
  const plans = candidates.map(({ name, shape }) => ({ name, shape, memory: planWith(question, {}, shape) }));
  const best = plans.find(({ memory }) => memory.fits);
  const passed = plans.slice(0, best ? plans.indexOf(best) : plans.length);
  const tooLarge = passed.map(({ name, memory }) => ` ${name} would need about ${gigabytes(memory.needed)}.`).join("");
  if (best) {
    const order = "of those that can run here and fit it is the best: 7B before 3B, then what its storage loses least";
    const reason = `Chosen because ${order} (${best.shape.storage}).${tooLarge}`;
    return { ...best, reason, model: knownModel(models, best.name) };
  }
  const reason = plans.length
    ? `Chosen because no SeedVR2 model that can run here fits.${tooLarge}`
    : "Chosen because no SeedVR2 model can run here: models pull fetches one.";
  const model = models.find(({ builtin }) => builtin) as ModelEntry;
  return { model, shape: null, reason, memory: planWith(question, {}, null) };
}

/** A model that somebody wants, installed or not. Throws `not_found`, or `not_runnable` for a file that cannot be read. */
async function named(question: MemoryQuestion, models: readonly ModelEntry[], wanted: string): Promise<Choice> {
  const model = knownModel(models, wanted);
  const shape = await modelShape(model);
  if (!shape && !model.builtin) throw unreadable(models, model);
  const reason = "Chosen because it was named.";
  return { model, shape, reason, memory: planWith(question, {}, shape) };
}

function unreadable(models: readonly ModelEntry[], { name }: ModelEntry): EngineError {
  runnableModel(models, name); // throws with the file's fault
  return new EngineError("not_runnable", { what: `Of ${name} nothing is known that a plan could be made from.` });
}

/** Frames of the whole file: a preview is planned with for what follows it. */
function wholeFrames(info: MediaInfo): number {
  return info.kind === "clip" ? info.frames : 1;
}

async function suggestionsOf(
  question: MemoryQuestion,
  frames: number,
  { memory, model, shape }: Choice,
  models: readonly ModelEntry[],
): Promise<Suggestion[]> {
  if (memory.fits && shape) {
    const steadier = steadierSuggestion(question, frames, { name: model.name, shape });
    return steadier ? [steadier] : [];
  }
  const runnable = await runnableBestFirst(models);
  if (namesModel(question.parameters)) {
    if (!shape) return [];
    const others = runnable.filter(({ name }) => name !== model.name);
    return suggestionsFor(question, { name: model.name, shape }, others);
  }
  const [best] = runnable;
  if (!best) return [];
  // The built-in model was chosen for want of memory: what would let the best one run.
  const suggestions = suggestionsFor(question, best, runnable.slice(1));
  return suggestions.filter(({ parameters }) => parameters["dit_model"] !== model.name);
}

/** What the file itself holds wins. */
function promptOf({ prompt, path }: ModelEntry): Plan["prompt"] {
  if (prompt === undefined || path === null) return null;
  return prompt === null ? { source: "own", path } : { source: "separate", path: prompt };
}

function notesOf({ model, shape }: Choice, { memory }: PlanParts): string[] {
  const { runnable, installed, name, reason = "" } = model;
  return [
    ...(installed ? [] : [`${name} is not installed: its figures are those of the published network.`]),
    ...(installed && !runnable ? [`${name} cannot run yet: ${reason}`] : []),
    ...(shape && memory.assumed
      ? ["What SeedVR2 computes on is decided when a model is first loaded; until then the processor is assumed."]
      : []),
  ];
}

function summaryOf(plan: PlanFacts): string {
  const { model, width, height, tiles, needed_bytes, available_bytes, expected_seconds: seconds } = plan;
  const frames = plan.frames === 1 ? "" : `, ${plan.frames} frames`;
  const batch = plan.kind === "video" ? `, ${plan.batch_size} at a time` : "";
  const whole = tiles ? `in tiles of ${tiles.side} pixels that share ${tiles.overlap}` : "without tiles";
  const how = model === builtinModel.name ? "" : `${batch}, ${whole}`;
  const memory = `It needs about ${gigabytes(needed_bytes)} of memory on ${plan.device}, where ${gigabytes(available_bytes)} can be had`;
  const known = seconds !== null && `it takes about ${Math.ceil(seconds)} s, as measured here`;
  return [
    `${model} makes ${width}x${height}${frames}${how}.`,
    plan.reason,
    `${memory}: ${plan.fits ? "it fits" : "it does not fit"}, and ${known || "its time was not measured here yet"}.`,
    ...plan.suggestions.map(({ text }) => text),
    ...plan.notes,
  ].join(" ");
}
