import { z } from "zod";
import { colourCorrections, type ColourMethod } from "../colour/colour-correction.ts";
import type { Ffmpeg } from "../media/ffmpeg.ts";
import { deviceChoice } from "../onnx/device-choice.ts";

/** A model as the worker needs to know it: its name and its files (ModelFiles). */
export const modelSpec = z.discriminatedUnion("kind", [
  z.object({ name: z.string(), kind: z.literal("builtin"), path: z.string() }),
  z.object({
    name: z.string(),
    kind: z.literal("seedvr2"),
    path: z.string(),
    autoencoder: z.string(),
    prompt: z.string().nullable(),
    cacheDir: z.string(),
  }),
]);
export type ModelSpec = z.output<typeof modelSpec>;

/** What of a task's parameters concerns the worker, with the contract's names. */
export const jobParameters = z.looseObject({
  codec: z.string().optional(),
  quality: z.number().optional(),
  preset: z.string().optional(),
  preview_frames: z.number().optional(),
  strict: z.boolean().optional(),
  deinterlace: z.boolean().optional(),
  dither: z.boolean().optional(),
  batch_size: z.number().optional(),
  color_correction: z.enum(Object.keys(colourCorrections) as [ColourMethod, ...ColourMethod[]]).optional(),
  seed: z.number().optional(),
  temporal_overlap: z.number().optional(),
  uniform_batch_size: z.boolean().optional(),
  prepend_frames: z.number().optional(),
  input_noise_scale: z.number().optional(),
  latent_noise_scale: z.number().optional(),
  vae_tiling: z.enum(["auto", "on", "off"]).optional(),
  vae_quality: z.enum(["low", "medium", "high"]).optional(),
  vae_tile_size: z.number().optional(),
  vae_tile_overlap: z.number().optional(),
});

/** One task as the worker gets it: everything from the file it reads to the file it writes, by path. */
export const job = z.object({
  taskId: z.string(),
  kind: z.enum(["image", "video"]),
  inputPath: z.string(),
  target: z.object({ width: z.number(), height: z.number() }),
  parameters: jobParameters,
  model: modelSpec,
  /** Side in pixels that the autoencoder's tiles must stay below, because memory ran out with it. */
  tilesBelow: z.number().optional(),
  /** What SeedVR2 computes on; a clip that was begun goes on with what its plan says. */
  choice: deviceChoice.optional(),
  /** Found by the engine, once for all workers. */
  ffmpeg: z.custom<Ffmpeg>((value) => typeof value === "object" && value !== null),
  /** Extension of the result without dot. */
  format: z.string(),
  /** Folder of this task's segments and manifest; survives the worker. */
  workDir: z.string(),
  /** Where the whole result is written under a temporary name, in the folder of its final one. */
  partPath: z.string(),
  /** Output frames in a segment. */
  segmentFrames: z.number().int().min(1),
});
export type Job = z.output<typeof job>;

const traceSummary = z.object({
  seconds: z.object({ decode: z.number(), upscale: z.number(), encode: z.number() }),
  overlap: z.number(),
  wallSeconds: z.number(),
});

export const jobResult = z.object({
  width: z.number(),
  height: z.number(),
  frames: z.number(),
  notes: z.array(z.string()),
  /** Side of the autoencoder's tiles in pixels; null where frames went through whole. */
  tile: z.number().nullable(),
  /** How the stages of a clip overlapped; null for pictures. */
  trace: traceSummary.nullable(),
});
export type JobResult = z.output<typeof jobResult>;

/** How far a job is. */
export interface JobProgress {
  /** 0 … 1 of the whole job. */
  readonly share: number;
  readonly stage: string;
  readonly framesDone: number;
  readonly framesTotal: number | null;
}
