import { z } from "zod";
import { errorCodes } from "../errors.ts";
import { deviceChoice } from "../onnx/device-choice.ts";
import { job, jobResult, modelSpec } from "../pipeline/job.ts";

/** Raised when a message changes its meaning; engine and worker come from one build, so a difference is our mistake. */
export const protocolVersion = 1;

const errorJson = z.object({
  code: z.enum(errorCodes),
  what: z.string(),
  why: z.string().optional(),
  todo: z.string().optional(),
  facts: z.record(z.string(), z.unknown()).optional(),
});

/** What the worker needs to know before anything else. */
export const workerSetup = z.object({
  device: z.string(),
  threads: z.number().int().min(0),
});
export type WorkerSetup = z.output<typeof workerSetup>;

/** Engine to worker. There is no cancelling: the engine ends the process. */
export const toWorker = z.discriminatedUnion("type", [
  z.object({ type: z.literal("setup"), version: z.literal(protocolVersion), setup: workerSetup }),
  z.object({ type: z.literal("load"), model: modelSpec, choice: deviceChoice.optional() }),
  z.object({ type: z.literal("run"), job }),
]);
export type ToWorker = z.output<typeof toWorker>;

/** Worker to engine. */
export const fromWorker = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loading"), model: z.string() }),
  z.object({ type: z.literal("loaded"), model: z.string(), device: z.string() }),
  z.object({
    type: z.literal("progress"),
    share: z.number(),
    stage: z.string(),
    framesDone: z.number(),
    framesTotal: z.number().nullable(),
  }),
  z.object({ type: z.literal("segment") }),
  z.object({ type: z.literal("done"), result: jobResult }),
  z.object({ type: z.literal("failed"), error: errorJson }),
]);
export type FromWorker = z.output<typeof fromWorker>;
