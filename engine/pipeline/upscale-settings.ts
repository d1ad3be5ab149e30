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
