import { memoryPlan, type MemoryHere, type MemoryPlan } from "../pipeline/memory-plan.ts";
import { builtinModel } from "../models/catalogue.ts";
import type { ModelShape } from "../models/model-shape.ts";
import { steadierParameters } from "../pipeline/upscale-settings.ts";
import type { TaskParameters } from "../schemas/parameters.ts";
import type { Suggestion } from "../schemas/results.ts";
import type { SizeWish } from "../tasks/target-size.ts";
import type { Submission } from "../tasks/task.ts";

/** A SeedVR2 model that could be used instead. */
export interface Alternative {
  readonly name: string;
  readonly shape: ModelShape;
}

/** A task whose memory is in question. */
export interface MemoryQuestion {
  readonly kind: "image" | "video";
  readonly parameters: TaskParameters;
  /** Pixels of the result for these wishes; throws where they are not possible. */
  readonly sizeOf: (wish: SizeWish) => Submission["target"];
  readonly memory: MemoryHere;
}

type Changes = Suggestion["parameters"];

/** How one asks for the best model that fits. */
const BEST = "best";

/** Usual shorter sides, largest first. */
const USUAL_SIDES = [2160, 1440, 1080, 720, 576, 480, 360, 240] as const;

/** How a task with changed parameters would run. */
export function planWith(question: MemoryQuestion, changes: Changes, shape: ModelShape | null): MemoryPlan {
  const wished = { ...question.parameters, ...changes };
  // `null` stands for the default, which for these parameters is to leave them out.
  const given = Object.entries(wished).filter(([, value]) => value !== null);
  const parameters = Object.fromEntries(given) as Omit<TaskParameters, "dit_model">;
  const target = question.sizeOf(parameters);
  return memoryPlan({ kind: question.kind, parameters, target }, shape, question.memory);
}

/**
 * What would fit instead of a task that does not: tiles of our choosing, if that is enough; else each of a smaller batch,
 * a smaller result, another model that can run (`alternatives`, best first), and the built-in one. Where the parameters
 * name no model, the changes do.
 */
export function suggestionsFor(
  question: MemoryQuestion,
  { name, shape }: Alternative,
  alternatives: readonly Alternative[],
): Suggestion[] {
  const own = ownModel(question, name);
  const auto = automaticTiles(question.parameters);
  if (Object.keys(auto).length) {
    const plan = planWith(question, auto, shape);
    if (plan.fits) return [suggestionOf({ ...auto, ...own }, plan)];
  }
  const smaller = (wishes: readonly Changes[]) =>
    firstThatFits(
      question,
      wishes.map((changes) => ({ changes: { ...changes, ...auto, ...own }, shape })),
    );
  const others = alternatives.map((other) => ({ changes: { dit_model: other.name, ...auto }, shape: other.shape }));
  return [
    smaller(smallerBatches(question)),
    smaller(smallerSides(question)),
    firstThatFits(question, others),
    firstThatFits(question, [{ changes: { dit_model: builtinModel.name }, shape: null }]),
  ].filter((suggestion) => suggestion !== null);
}

/**
 * The largest steadier batch that fits, in tiles of our choosing where tiles are not wished for, for a clip of `frames`
 * whose frames would be restored nearly one by one; null where there is none, or no gain.
 */
export function steadierSuggestion(
  question: MemoryQuestion,
  frames: number,
  { name, shape }: Alternative,
): Suggestion | null {
  const own = ownModel(question, name);
  const candidates = steadierParameters(question, frames).map((changes) => ({
    changes: { ...changes, ...own },
    shape,
  }));
  return firstThatFits(question, candidates, "for steadier frames, at more time for each: ");
}

/** The model's name among the changes where the parameters name none. */
function ownModel({ parameters }: MemoryQuestion, name: string): Changes {
  return namesModel(parameters) ? {} : { dit_model: name };
}

/** Whether somebody wishes for a certain model. */
export function namesModel({ dit_model: wanted = null }: TaskParameters): boolean {
  return wanted !== null && wanted !== BEST;
}

interface Candidate {
  readonly changes: Changes;
  readonly shape: ModelShape | null;
}

/** Candidates come nearest to the wish first; the purpose begins the sentence. */
function firstThatFits(question: MemoryQuestion, candidates: readonly Candidate[], purpose = ""): Suggestion | null {
  for (const { changes, shape } of candidates) {
    const plan = planWith(question, changes, shape);
    if (plan.fits) return suggestionOf(changes, plan, purpose);
  }
  return null;
}

/** What must change so that the tiles are ours to choose. */
function automaticTiles({ vae_tiling, vae_tile_size, vae_tile_overlap }: TaskParameters): Changes {
  return {
    ...(vae_tiling !== "auto" && { vae_tiling: "auto" }),
    ...(vae_tile_size !== undefined && { vae_tile_size: null }),
    ...(vae_tile_overlap !== undefined && { vae_tile_overlap: null }),
  };
}

function smallerBatches({ kind, parameters }: MemoryQuestion): Changes[] {
  const count = kind === "image" ? 0 : (parameters.batch_size - 1) / 4;
  return Array.from({ length: count }, (_, i) => ({ batch_size: parameters.batch_size - 4 * (i + 1) }));
}

function smallerSides({ parameters, sizeOf }: MemoryQuestion): Changes[] {
  const { width, height } = sizeOf(parameters);
  return USUAL_SIDES.filter((side) => side < Math.min(width, height)).map((resolution) => {
    return { resolution, ...(parameters.scale !== undefined && { scale: null }) };
  });
}

function suggestionOf(changes: Changes, { needed, tiles }: MemoryPlan, purpose = ""): Suggestion {
  const words = Object.entries(changes).map(([name, value]) =>
    value === null ? `without ${name}` : `with ${name} ${value}`,
  );
  const inTiles = tiles ? `, in tiles of ${tiles.side} pixels,` : "";
  const text = `${purpose}${words.join(" and ")}${inTiles} it needs about ${gigabytes(needed)}.`;
  return { parameters: changes, needed_bytes: needed, text: text.charAt(0).toUpperCase() + text.slice(1) };
}

/** Bytes as people say them: "6.1 GB", "21 GB". */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 9.95e9 ? 1 : 0)} GB`;
}
