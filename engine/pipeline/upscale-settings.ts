import { steadierBatching } from "../upscalers/steadiness.ts";
import type { UpscaleSettings } from "../upscalers/upscaler.ts";
import type { Job } from "./job.ts";

/** What a job wishes of its model. A picture is a batch by itself; what a job leaves out is as in the contract. */
export function upscaleSettings(job: Pick<Job, "kind" | "parameters" | "tilesBelow">): UpscaleSettings {
  const { kind, parameters: p } = job;
  const time =
    kind === "image"
      ? { batchSize: 1, overlap: 0, uniform: false }
      : { batchSize: p.batch_size ?? 5, overlap: p.temporal_overlap ?? 0, uniform: p.uniform_batch_size ?? false };
  return {
    ...time,
    colour: p.color_correction ?? "lab",
    seed: p.seed ?? 42,
    inputNoiseScale: p.input_noise_scale ?? 0,
    latentNoiseScale: p.latent_noise_scale ?? 0,
    tiling: {
      mode: p.vae_tiling ?? "auto",
      quality: p.vae_quality ?? "high",
      size: p.vae_tile_size,
      overlap: p.vae_tile_overlap,
      below: job.tilesBelow,
    },
  };
}

/** What to change so that the frames of a clip belong together, the steadiest first; nothing for a picture. */
export function steadierParameters(
  job: Pick<Job, "kind" | "parameters">,
  frames: number,
): { batch_size: number; temporal_overlap?: number }[] {
  if (job.kind === "image") return [];
  const settings = upscaleSettings(job);
  const seen = frames + (job.parameters.prepend_frames ?? 0);
  return steadierBatching(settings, seen).map(({ batchSize, overlap }) => ({
    batch_size: batchSize,
    ...(overlap !== settings.overlap && { temporal_overlap: overlap }),
  }));
}
