import { z } from "zod";
import {
  batchLimits,
  overlapLimits,
  prependLimits,
  resolutionLimits,
  scaleLimits,
  seedLimits,
  tileCell,
  tileLimits,
  tileOverlapLimits,
} from "./limits.ts";

/**
 * What each parameter may be, in the words an error uses: "resolution 0 is not possible: whole number 16–16384, …".
 * Filled by `parameter`, read by `parseInput`.
 */
export const allowedTexts = z.registry<{ allowed: string }>();

/** Gives a parameter its description (what it does) and what it may be; the description shown has both. */
export function parameter<S extends z.ZodType>(schema: S, does: string, allowed: string): S {
  const described = schema.describe(`${does} ${allowed.charAt(0).toUpperCase()}${allowed.slice(1)}.`);
  allowedTexts.add(described, { allowed });
  return described;
}

export const colorMethods = ["lab", "wavelet", "wavelet_adaptive", "hsv", "adain", "none"] as const;
export const vaeTilings = ["auto", "on", "off"] as const;
export const vaeQualities = ["low", "medium", "high"] as const;
export const codecs = ["h264", "hevc", "vp9", "av1", "prores_422hq", "prores_4444", "ffv1", "png_sequence"] as const;

const oneOf = (values: readonly string[]) => `one of ${values.join(", ")}`;

export const taskId = parameter(
  z.string().regex(/^[0-9a-z]{8}$/),
  "The task, as its submission answered it.",
  "8 lower-case letters and digits",
);

const filePath = parameter(
  z.string().min(1).max(4096),
  "The file to enlarge; of a folder, submit each file by itself.",
  "absolute path of a picture or clip in an allowed folder, e.g. /home/me/Videos/clip.mp4",
);

const wholeNumber = (limits: { min: number; max: number }) => z.number().int().min(limits.min).max(limits.max);

/** Tiles are cut between cells of the latent; an overlap of less than one would leave lines (seedvr2-vae.md section 6). */
const wholeCells = (limits: { min: number; max: number }) => wholeNumber(limits).multipleOf(tileCell);

const noiseScale = z.number().min(0).max(1).default(0);
const noiseAllowed = "number 0–1";

/** Parameters every task takes, whatever it enlarges. */
const common = {
  resolution: parameter(
    wholeNumber(resolutionLimits).optional(),
    "Shorter side of the result in pixels; the longer one keeps the aspect. Default 1080 unless scale is given.",
    `whole number ${resolutionLimits.min}–${resolutionLimits.max}, pixels of the shorter side, e.g. 1080`,
  ),
  scale: parameter(
    z.number().min(scaleLimits.min).max(scaleLimits.max).optional(),
    "Enlarge by this factor, instead of resolution.",
    `number ${scaleLimits.min}–${scaleLimits.max}, e.g. 2`,
  ),
  max_resolution: parameter(
    z
      .number()
      .int()
      .min(0)
      .max(resolutionLimits.max)
      .refine((n) => n === 0 || n >= resolutionLimits.min)
      .default(0),
    "Longest side of the result at most: a larger one is made smaller as a whole. 0 for no bound.",
    `0, or a whole number ${resolutionLimits.min}–${resolutionLimits.max}, pixels of the longer side`,
  ),
  dit_model: parameter(
    z.string().min(1).max(255).nullable().optional(),
    "Which model; omit for the default. Full name, without extension or short (3b_fp8).",
    "a name from list_available_models",
  ),
  download: parameter(
    z.boolean().default(false),
    "Fetch the model first if it is not installed; it may be gigabytes.",
    "true or false",
  ),
  color_correction: parameter(
    z.enum(colorMethods).default("lab"),
    "How SeedVR2's colours are brought back to the input's; the built-in model needs none.",
    oneOf(colorMethods),
  ),
  seed: parameter(
    wholeNumber(seedLimits).default(42),
    "The same seed, file and parameters give the same result. Without meaning for the built-in model.",
    `whole number ${seedLimits.min}–${seedLimits.max}`,
  ),
  vae_tiling: parameter(
    z.enum(vaeTilings).default("auto"),
    "Whether SeedVR2's autoencoder works in tiles to save memory. Without meaning for the built-in model.",
    oneOf(vaeTilings),
  ),
  vae_quality: parameter(z.enum(vaeQualities).default("high"), "Size of those tiles.", oneOf(vaeQualities)),
  vae_tile_size: parameter(
    wholeCells(tileLimits).optional(),
    "Side of those tiles in pixels, instead of what vae_tiling and vae_quality choose.",
    `whole number ${tileLimits.min}–${tileLimits.max}, a multiple of ${tileCell}`,
  ),
  vae_tile_overlap: parameter(
    wholeCells(tileOverlapLimits).optional(),
    "Pixels that neighbouring tiles share; more hides their borders.",
    `whole number ${tileOverlapLimits.min}–${tileOverlapLimits.max}, a multiple of ${tileCell}, at most half of vae_tile_size`,
  ),
  input_noise_scale: parameter(
    noiseScale,
    "Noise added to what SeedVR2 sees, against artefacts of very large results; 0.1–0.3 is usual.",
    noiseAllowed,
  ),
  latent_noise_scale: parameter(
    noiseScale,
    "Noise added to SeedVR2's condition, against oversharp results; 0.05–0.15 is usual.",
    noiseAllowed,
  ),
  output_path: parameter(
    z.string().min(1).max(4096).optional(),
    "Where to write the result; its extension decides the format, and with codec png_sequence it is a folder. Default: a new name in the output folder.",
    "absolute path in an allowed folder",
  ),
  output_format: parameter(
    z
      .string()
      .regex(/^\.?[A-Za-z0-9]{2,5}$/)
      .optional(),
    "Format of the result when output_path is not given.",
    "an extension: png, jpg, webp, avif, tiff, gif for pictures; mp4, mov, mkv, webm for clips",
  ),
  overwrite: parameter(z.boolean().default(false), "Whether an existing output_path may be replaced.", "true or false"),
  quality: parameter(
    wholeNumber({ min: 0, max: 100 }).optional(),
    "Quality of lossy formats and codecs.",
    "whole number 0–100, higher is better",
  ),
  idempotency_key: parameter(
    z.string().min(1).max(200).optional(),
    "Submitting again with the same key answers with the first task instead of making a second; use one after a time-out.",
    "any text up to 200 characters",
  ),
};

/** 4n + 1, as the autoencoder packs frames. */
const batchSize = wholeNumber(batchLimits).refine((n) => n % 4 === 1);
const batchAllowed = `whole number of the form 4n+1, ${batchLimits.min}–${batchLimits.max}: 1, 5, 9, 13, …`;

const pictureBatch = {
  batch_size: parameter(batchSize.default(1), "Accepted and recorded; a picture is one frame.", batchAllowed),
};

const clipOnly = {
  batch_size: parameter(
    batchSize.default(5),
    "Frames SeedVR2 runs together; 21 to 45 are steadier and need more memory: plan says what fits. Without meaning for the built-in model.",
    batchAllowed,
  ),
  temporal_overlap: parameter(
    wholeNumber(overlapLimits).default(0),
    "Frames that neighbouring SeedVR2 batches share; 5 or 9 blend, 1, 2 and 4 only cut.",
    `whole number ${overlapLimits.min}–${overlapLimits.max}, less than batch_size`,
  ),
  uniform_batch_size: parameter(
    z.boolean().default(false),
    "Extend a short last batch to batch_size, so that it looks like the others.",
    "true or false",
  ),
  prepend_frames: parameter(
    wholeNumber(prependLimits).default(0),
    "Mirrored frames put before the clip while it is computed and left out of the result: fewer artefacts at its start.",
    `whole number ${prependLimits.min}–${prependLimits.max}`,
  ),
  codec: parameter(
    z.enum(codecs).optional(),
    "Video codec; the default depends on container and source, usually h264. png_sequence gives a folder of PNG pictures.",
    oneOf(codecs),
  ),
  preset: parameter(
    z
      .string()
      .regex(/^[a-z0-9]{1,20}$/)
      .optional(),
    "The encoder's speed preset.",
    "for h264 and hevc ultrafast … medium … placebo, for vp9 0–8, for av1 0–13 (libsvtav1)",
  ),
  preview_frames: parameter(
    wholeNumber({ min: 0, max: 1_000_000 }).default(0),
    "Only the first so many frames; 0 for all.",
    "whole number from 0",
  ),
  strict: parameter(
    z.boolean().default(false),
    "Fail on a damaged clip instead of delivering what could be read with a warning.",
    "true or false",
  ),
  deinterlace: parameter(z.boolean().default(false), "Deinterlace an interlaced clip.", "true or false"),
  dither: parameter(
    z.boolean().default(false),
    "Dither when the result has 8 bits and the frames more.",
    "true or false",
  ),
};

export const imageParameters = z.strictObject({ file_path: filePath, ...common, ...pictureBatch });
export const videoParameters = z.strictObject({ file_path: filePath, ...common, ...clipOnly });
/** Also for surfaces that take any file and find out what it is; batch_size then has the clip's default. */
export type TaskParameters = z.output<typeof videoParameters>;

/** A submission that is only thought through. */
export const planParameters = videoParameters.extend({
  dit_model: parameter(
    z.string().min(1).max(255).nullable().optional(),
    "Which model; best, or nothing, for the best that fits among those that can run here.",
    "best, or a name from list_available_models",
  ),
});
