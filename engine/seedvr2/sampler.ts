import type { Extent } from "./windows.ts";

/** Latents are scaled by this for the transformer (seedvr2-vae.md section 7). */
export const LATENT_SCALE = 0.9152;

/** The one step of the schedule: pure noise (seedvr2-pipeline.md section 4). */
export const TIMESTEP = 1000;

/** Values per latent cell of noise ε and condition z; the transformer's input has a mask of 1 behind them. */
export interface LatentRows {
  readonly cells: number;
  readonly channels: number;
}

/** Transformer input [cells, 2·channels + 1]: noise, condition, mask. */
export function transformerInput(
  { cells, channels }: LatentRows,
  noise: Float32Array,
  condition: Float32Array,
): Float32Array {
  const width = 2 * channels + 1;
  const rows = new Float32Array(cells * width).fill(1);
  for (let cell = 0; cell < cells; cell++) {
    const from = cell * channels;
    rows.set(noise.subarray(from, from + channels), cell * width);
    rows.set(condition.subarray(from, from + channels), cell * width + channels);
  }
  return rows;
}

/** The clean latent in one step: the network predicts the velocity v = noise − x₀, so x₀ = noise − v. */
export function denoised(noise: Float32Array, velocity: Float32Array): Float32Array<ArrayBuffer> {
  return new Float32Array(noise.length).map((_, i) => (noise[i] as number) - (velocity[i] as number));
}

/** Shares of the two noises that soften a condition. */
const SOFTENING = { sampler: 0.1, own: 0.05 };

/** `latent_noise_scale`: the condition moved towards noise, against oversharp results (seedvr2-pipeline.md section 4). */
export function softenedCondition(
  latent: Float32Array,
  noises: { readonly sampler: Float32Array; readonly own: Float32Array },
  time: number,
): Float32Array<ArrayBuffer> {
  return new Float32Array(latent.length).map((_, i) => {
    const noise = SOFTENING.sampler * (noises.sampler[i] as number) + SOFTENING.own * (noises.own[i] as number);
    return (1 - time) * (latent[i] as number) + time * noise;
  });
}

/** Where shifts are known: pixels of a frame, or pixels times frames, and the shift there. */
const PICTURE_LINE = { from: 256 * 256, to: 1024 * 1024, low: 1, high: 3.2 };
const CLIP_LINE = { from: 256 * 256 * 37, to: 1280 * 720 * 145, low: 1, high: 5 };

/**
 * How far `scale` (0 … 1) moves a condition: the schedule's shift for a latent's size. The reference hands over (h, w,
 * channels) where (t, h, w) is meant, so its results follow the line for clips; ours do the same.
 */
export function softeningTime(scale: number, [, h, w]: Extent, channels: number): number {
  const pixels = 64 * w * channels;
  const frames = 4 * (h - 1) + 1;
  const line = frames === 1 ? PICTURE_LINE : CLIP_LINE;
  const size = frames === 1 ? pixels : pixels * frames;
  const shift = line.low + ((size - line.from) * (line.high - line.low)) / (line.to - line.from);
  return (shift * scale) / (1 + (shift - 1) * scale);
}

/** Deviation of the noise that `input_noise_scale` 1 adds to prepared frames. */
const INPUT_NOISE = 0.05 * 0.5;

/** `input_noise_scale`: prepared frames with noise, not clamped (seedvr2-pipeline.md section 4). */
export function noisedInput(frames: Float32Array, noise: Float32Array, scale: number): Float32Array<ArrayBuffer> {
  return new Float32Array(frames.length).map(
    (_, i) => (frames[i] as number) + INPUT_NOISE * scale * (noise[i] as number),
  );
}
