import { clamp, cropped, framesOf, joinedFrames, mapped, pickedFrames, type Planes } from "../colour/planes.ts";
import type { ColourCorrection } from "../colour/colour-correction.ts";
import type { TensorValue } from "../onnx/session.ts";
import type { AutoencoderNetwork } from "./autoencoder/autoencoder-network.ts";
import type { Tiling } from "./autoencoder/tiles.ts";
import { blendWeights, extendedIndices, type BatchRules, type ClipBatch } from "./batches.ts";
import { planesFromRows, rowsFromPlanes } from "./latent-layout.ts";
import { finite } from "./finite.ts";
import type { NoiseShape } from "./noise.ts";
import { prepareFrames, type FrameSizes, type Size } from "./resize.ts";
import {
  denoised,
  LATENT_SCALE,
  noisedInput,
  softenedCondition,
  softeningTime,
  TIMESTEP,
  transformerInput,
} from "./sampler.ts";
import type { TransformerNetwork } from "./transformer-network.ts";

/** What a batch of frames is restored with. */
export interface RestorationNetworks {
  readonly autoencoder: AutoencoderNetwork;
  readonly transformer: TransformerNetwork;
  /** [L, features] */
  readonly prompt: TensorValue;
}

/** Where noise comes from: [frames, height, width, channels], the same for every batch that asks alike. */
export interface NoiseSource {
  readonly latent: (shape: NoiseShape) => Float32Array;
  readonly augmentation: (shape: NoiseShape) => Float32Array;
  /** For prepared frames, in their own layout. */
  readonly input: (frames: Planes) => Float32Array;
}

export interface RestorationOptions {
  readonly inputNoiseScale: number;
  readonly latentNoiseScale: number;
  readonly encoderTiling?: Tiling | undefined;
  readonly decoderTiling?: Tiling | undefined;
  /** Keeps the autoencoder's sessions for the next batch of the same shape. */
  readonly keepSessions?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told what is being done, when it begins too, and how much of it is. */
  readonly onProgress?: (stage: "encode" | "transformer" | "decode", done: number, of: number) => void;
  /** Told intermediates by their names in the reference's traces; latents as rows [t, h, w, channels]. */
  readonly trace?: (name: string, value: TensorValue) => void;
}

/** A batch's own frames (0 … 1) → extended in time, resized, padded, −1 … 1: what the encoder gets. */
export function prepareBatch(own: Planes, batch: ClipBatch, rules: BatchRules, sizes: FrameSizes): Planes {
  return pickedFrames(prepareFrames(own, sizes), extendedIndices(batch, rules));
}

/**
 * Prepared frames → decoded frames of the same shape, not clamped (seedvr2-pipeline.md section 1). Throws
 * `provider_failed` for values that are no numbers.
 */
export async function restoreBatch(
  prepared: Planes,
  networks: RestorationNetworks,
  noise: NoiseSource,
  options: RestorationOptions,
): Promise<Planes> {
  const input = withInputNoise(prepared, noise, options);
  options.onProgress?.("encode", 0, 1);
  const latentPlanes = await networks.autoencoder.encode(input, partOptions("encode", options, options.encoderTiling));
  const { frames, channels, height, width } = latentPlanes;
  const shape = [frames, height, width, channels];
  const trace = (name: string, data: Float32Array, last = channels) =>
    options.trace?.(name, { shape: [frames, height, width, last], data });
  const latent = rowsFromPlanes({ ...latentPlanes, data: finite(latentPlanes.data, "encoder") }, LATENT_SCALE);
  trace("latent", latent);
  const epsilon = noise.latent({ frames, height, width, channels });
  const condition = conditionOf(latent, epsilon, { frames, height, width, channels }, { noise, options });
  options.onProgress?.("transformer", 0, networks.transformer.sizes.blocks.length);
  const velocity = await networks.transformer.run({
    extent: [frames, height, width],
    latent: transformerInput({ cells: frames * height * width, channels }, epsilon, condition),
    prompt: networks.prompt,
    timestep: TIMESTEP,
    ...(options.signal && { signal: options.signal }),
    onBlock: (done, of) => options.onProgress?.("transformer", done, of),
  });
  trace("dit_out", finite(velocity, "transformer"));
  const clean = denoised(epsilon, velocity);
  options.trace?.("denoised", { shape, data: clean });
  const cells = planesFromRows(clean, latentPlanes, LATENT_SCALE);
  options.onProgress?.("decode", 0, 1);
  const decoded = await networks.autoencoder.decode(cells, partOptions("decode", options, options.decoderTiling));
  finite(decoded.data, "decoder");
  return decoded;
}

function withInputNoise(prepared: Planes, noise: NoiseSource, { inputNoiseScale, trace }: RestorationOptions): Planes {
  const noisy = inputNoiseScale > 0;
  const data = noisy ? noisedInput(prepared.data, noise.input(prepared), inputNoiseScale) : prepared.data;
  trace?.("encoder_in", { shape: [prepared.frames, prepared.channels, prepared.height, prepared.width], data });
  return { ...prepared, data };
}

function conditionOf(
  latent: Float32Array,
  epsilon: Float32Array,
  shape: NoiseShape,
  { noise, options }: { noise: NoiseSource; options: RestorationOptions },
): Float32Array {
  if (options.latentNoiseScale <= 0) return latent;
  const { frames, height, width, channels } = shape;
  const time = softeningTime(options.latentNoiseScale, [frames, height, width], channels);
  const condition = softenedCondition(latent, { sampler: epsilon, own: noise.augmentation(shape) }, time);
  options.trace?.("condition", { shape: [frames, height, width, channels + 1], data: withMask(condition, channels) });
  return condition;
}

function withMask(condition: Float32Array, channels: number): Float32Array {
  const rows = new Float32Array((condition.length / channels) * (channels + 1)).fill(1);
  for (let cell = 0; cell < condition.length / channels; cell++) {
    rows.set(condition.subarray(cell * channels, (cell + 1) * channels), cell * (channels + 1));
  }
  return rows;
}

function partOptions(stage: "encode" | "decode", options: RestorationOptions, tiling: Tiling | undefined) {
  return {
    tiling,
    signal: options.signal,
    keep: options.keepSessions,
    onPart: (done: number, of: number) => options.onProgress?.(stage, done, of),
  };
}

/** Decoded frames cut to a batch's own ones and to the true size. */
export function trimmed(decoded: Planes, frames: number, { height, width }: Size): Planes {
  return cropped(framesOf(decoded, 0, frames), { top: 0, left: 0, height, width });
}

/**
 * The clip so far with a batch behind it: the frames both have are blended, the rest appended. Works on decoder values,
 * before colour (seedvr2-pipeline.md section 3).
 */
export function joinBatch(clip: Planes | undefined, batch: Planes, overlap: number): Planes {
  if (!clip) return batch;
  const shared = Math.min(overlap, batch.frames);
  const kept = framesOf(clip, 0, clip.frames - shared);
  const blended = blend(framesOf(clip, clip.frames - shared, clip.frames), framesOf(batch, 0, shared));
  return joinedFrames([kept, blended, framesOf(batch, shared, batch.frames)]);
}

function blend(earlier: Planes, later: Planes): Planes {
  const weights = blendWeights(earlier.frames).map(Math.fround);
  const length = earlier.data.length / Math.max(earlier.frames, 1);
  const data = new Float32Array(earlier.data.length);
  for (let i = 0; i < data.length; i++) {
    const weight = weights[Math.floor(i / length)] as number;
    data[i] = (earlier.data[i] as number) * weight + (later.data[i] as number) * (1 - weight);
  }
  return { ...earlier, data };
}

/** The frames that a batch wrote, in the colours of its prepared input. `prepared` is the batch's, not yet cut. */
export function correctBatch(written: Planes, prepared: Planes, skipped: number, correct: ColourCorrection): Planes {
  const style = framesOf(prepared, skipped, skipped + written.frames);
  const { height, width } = written;
  return correct(written, cropped(style, { top: 0, left: 0, height, width }));
}

/** −1 … 1 → 0 … 1, clamped. */
export function toUnitRange(frames: Planes): Planes {
  return mapped(frames, (value) => clamp((value + 1) / 2, 0, 1));
}
