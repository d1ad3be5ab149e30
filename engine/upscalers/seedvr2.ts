import { correctionIn, type ColourCorrection, type ColourForm } from "../colour/colour-correction.ts";
import { cropped, framesOf, type Planes } from "../colour/planes.ts";
import type { Frame } from "../media/frame.ts";
import { clipBatches, type BatchRules, type ClipBatch } from "../seedvr2/batches.ts";
import { collectGarbage } from "../onnx/collect-garbage.ts";
import type { Tiling } from "../seedvr2/autoencoder/tiles.ts";
import { frameSizes, paddedSize, type FrameSizes, type Size } from "../seedvr2/resize.ts";
import {
  correctBatch,
  joinBatch,
  prepareBatch,
  restoreBatch,
  toUnitRange,
  trimmed,
  type NoiseSource,
  type RestorationNetworks,
} from "../seedvr2/restoration.ts";
import { chooseTiling, keepsSessions } from "./choose-tiling.ts";
import { frameOfPlanes, planesOfFrames } from "./frame-planes.ts";
import { steadinessNotes } from "./steadiness.ts";
import type {
  Batch,
  BatchPlan,
  BatchProgress,
  TargetSize,
  UpscaleOptions,
  Upscaler,
  UpscaleSettings,
} from "./upscaler.ts";

/** Shares of a batch's time by stage, as measured on a 640×480 picture. */
const stages = {
  encode: { from: 0, share: 0.16, words: () => "encoding" },
  transformer: {
    from: 0.16,
    share: 0.33,
    words: (done: number, of: number) => `transformer block ${Math.min(done + 1, of)} of ${of}`,
  },
  decode: { from: 0.49, share: 0.48, words: () => "decoding" },
} as const;
const COLOUR_FROM = 0.97;

/** A decoded batch, cut to the true size, and what its colours are taken from. */
interface Decoded {
  readonly values: Planes;
  readonly style: Planes;
}

/** What is known of a model before it has a task. */
export interface Seedvr2Facts {
  /** About its files, finished sentences. */
  readonly warnings: readonly string[];
  readonly colourForm: ColourForm;
}

/** One call's surroundings. */
interface Call {
  readonly batch: Batch;
  readonly target: TargetSize;
  readonly sizes: FrameSizes;
  /** Batches of the clip as far as its frames are known: all that this call needs. */
  readonly batches: readonly ClipBatch[];
  readonly options: UpscaleOptions;
}

/**
 * SeedVR2 with the reference's batches (beyond-the-reference.md section 2.1). A frame is done when the batches that blend
 * into it and those that share its colour correction are decoded; decoded batches are kept from one call to the next, and
 * computed again where a call does not go on where the last one ended. The networks are closed by whoever opened them.
 */
export class Seedvr2Upscaler implements Upscaler {
  readonly plan: BatchPlan;
  readonly #notes: string[];
  readonly #networks: RestorationNetworks;
  readonly #noise: NoiseSource;
  readonly #settings: UpscaleSettings;
  readonly #rules: BatchRules;
  readonly #colours: ColourCorrection;
  readonly #decoded = new Map<number, Decoded>();
  readonly #corrected = new Map<number, Planes>();
  /** Clip index of the frame behind the last call's. */
  #next = 0;

  constructor(
    networks: RestorationNetworks,
    noise: NoiseSource,
    settings: UpscaleSettings,
    { warnings, colourForm }: Seedvr2Facts = { warnings: [], colourForm: "exact" },
  ) {
    const { batchSize, uniform } = settings;
    const overlap = settings.overlap < batchSize ? settings.overlap : 0;
    this.#networks = networks;
    this.#noise = noise;
    this.#settings = settings;
    this.#rules = { batchSize, overlap, uniform };
    this.#colours = correctionIn(colourForm, settings.colour);
    this.plan = planOf(this.#rules);
    this.#notes = [...warnings, colourNote(settings, colourForm), ...steadinessNotes(settings)];
  }

  get notes(): readonly string[] {
    return this.#notes;
  }

  async upscale(batch: Batch, target: TargetSize, options: UpscaleOptions = {}): Promise<Frame[]> {
    const { start, count } = batch.owned;
    const from = batch.first + start;
    if (from !== this.#next || from === 0) this.#forget(Infinity);
    const batches = clipBatches(batch.first + batch.frames.length, this.#rules);
    const sizes = sizesFor(batch.frames[0] as Frame, target);
    const call: Call = { batch, target, batches, sizes, options: { ...options, onProgress: rising(options) } };
    const made: Frame[] = [];
    for (let index = from; index < from + count; index++) {
      const writer = batches.findIndex(({ writeEnd }) => index < writeEnd);
      const colours = await this.#correct(call, writer);
      const source = batch.frames[index - batch.first] as Frame;
      made.push(frameOfPlanes(colours, index - (batches[writer] as ClipBatch).writeStart, source));
    }
    this.#next = from + count;
    this.#forget(Math.floor((this.#next - this.plan.before) / this.plan.owned));
    return made;
  }

  async close(): Promise<void> {
    this.#forget(Infinity);
  }

  /** Frees what belongs to batches before this one. */
  #forget(before: number): void {
    for (const kept of [this.#decoded, this.#corrected]) {
      for (const index of kept.keys()) if (index < before) kept.delete(index);
    }
  }

  /** The frames that a batch writes, 0 … 1: blended with all later ones that share them, then corrected. */
  async #correct(call: Call, writer: number): Promise<Planes> {
    const known = this.#corrected.get(writer);
    if (known) return known;
    const { batches, options } = call;
    const own = batches[writer] as ClipBatch;
    const sharing = batches.filter(({ first }, i) => i >= writer && first < own.writeEnd);
    let joined: Planes | undefined;
    for (const i of sharing.keys()) {
      const { values } = await this.#decode(call, writer + i, { done: i, of: sharing.length });
      joined = joinBatch(joined, values, this.#rules.overlap);
    }
    const skipped = own.writeStart - own.first;
    const written = framesOf(joined as Planes, skipped, own.frames);
    options.onProgress?.(COLOUR_FROM, "colour");
    const { style } = this.#decoded.get(writer) as Decoded;
    const corrected = toUnitRange(correctBatch(written, style, skipped, this.#colours));
    this.#corrected.set(writer, corrected);
    return corrected;
  }

  /** Tiles that memory chose are worth knowing; those wished for are known. */
  #noteTiles(tiling: Tiling | undefined): void {
    const { mode, size } = this.#settings.tiling;
    if (!tiling || mode === "on" || size !== undefined) return;
    const [side, shared] = [tiling.tile[0], tiling.overlap[0]];
    const note = `The autoencoder worked in tiles of ${side} pixels that share ${shared}, to fit into memory.`;
    if (!this.#notes.includes(note)) this.#notes.push(note);
  }

  async #decode(call: Call, index: number, part: { done: number; of: number }): Promise<Decoded> {
    const known = this.#decoded.get(index);
    if (known) return known;
    const { batch, sizes, target, options } = call;
    const own = call.batches[index] as ClipBatch;
    const frames = batch.frames.slice(own.first - batch.first, own.first - batch.first + own.frames);
    const prepared = prepareBatch(planesOfFrames(frames), own, this.#rules, sizes);
    const { inputNoiseScale, latentNoiseScale, tiling: wish } = this.#settings;
    const tiling = chooseTiling(wish, target, this.#rules.batchSize, options.memory);
    this.#noteTiles(tiling);
    const raw = await restoreBatch(prepared, this.#networks, this.#noise, {
      ...{ inputNoiseScale, latentNoiseScale, encoderTiling: tiling, decoderTiling: tiling, signal: options.signal },
      keepSessions: keepsSessions(tiling, target, this.#rules.batchSize, options.memory),
      onProgress: (stage, done, of) => {
        const { from, share, words } = stages[stage];
        options.onProgress?.((part.done + from + (share * done) / of) / part.of, words(done, of));
      },
    });
    const style = cropped(framesOf(prepared, 0, own.frames), { top: 0, left: 0, ...sizes.result });
    const decoded = { values: trimmed(raw, own.frames, sizes.result), style };
    this.#decoded.set(index, decoded);
    collectGarbage();
    return decoded;
  }
}

/** Frames a batch starts behind the one before; context reaches back to batches that write the owned frames. */
function planOf({ batchSize, overlap }: BatchRules): BatchPlan {
  const owned = batchSize - overlap;
  const before = Math.floor((batchSize - 1) / owned) * owned;
  return { owned, before, after: overlap > 0 ? batchSize : 0 };
}

/**
 * Sizes on the way through the networks, for exactly the target. Where the reference's rounding arrives at it too, its
 * sizes are taken; else, as for odd targets, the frame is resized to the target itself.
 */
function sizesFor(source: Size, { width, height }: TargetSize): FrameSizes {
  const reference = frameSizes(source, Math.min(width, height));
  if (reference.result.width === width && reference.result.height === height) return reference;
  const target = { width, height };
  return { resized: [target], result: target, padded: paddedSize(target) };
}

/** Tells progress that never goes back, where one call computes several batches. */
function rising({ onProgress }: UpscaleOptions): BatchProgress {
  let most = 0;
  return (share, stage) => onProgress?.((most = Math.max(most, share)), stage);
}

function colourNote({ colour }: UpscaleSettings, form: ColourForm): string {
  if (colour === "none") return "No colour correction.";
  const quick = colour === "lab" && form === "histogram";
  return `Colour correction: ${colour}, ${quick ? "by histograms (about 1/255 from exact at most)" : "exact"}.`;
}
