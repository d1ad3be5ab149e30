import { z } from "zod";
import type { Ffmpeg } from "../media/ffmpeg.ts";

/** A model as the worker needs to know it. */
export const modelSpec = z.object({
  name: z.string(),
  kind: z.enum(["builtin"]),
  path: z.string(),
});
export type ModelSpec = z.output<typeof modelSpec>;

/** One task as the worker gets it: everything from the file it reads to the file it writes, by path. */
export const job = z.object({
  taskId: z.string(),
  kind: z.enum(["image", "video"]),
  inputPath: z.string(),
  target: z.object({ width: z.number(), height: z.number() }),
  parameters: z.looseObject({
    codec: z.string().optional(),
    quality: z.number().optional(),
    preset: z.string().optional(),
    preview_frames: z.number().optional(),
    strict: z.boolean().optional(),
  }),
  model: modelSpec,
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
