import { z } from "zod";

/**
 * What the operations answer: the objects of the REST contract, which are also the structured results over MCP.
 * Loose, because fields are added over time and older clients must accept them.
 */

const time = z.string().describe("ISO 8601, UTC");
const seconds = z.number().describe("Seconds");
const percent = z.number().min(0).max(100);

export const taskStates = ["queued", "processing", "completed", "failed", "cancelled"] as const;
export type TaskState = (typeof taskStates)[number];

export const healthResult = z.looseObject({
  status: z.literal("healthy"),
  version: z.string(),
  queue_enabled: z.literal(true),
  queue_length: z.number().int().min(0).max(1_000_000),
  timestamp: time,
});

export const gpuStatusResult = z.looseObject({
  cuda_available: z.boolean(),
  gpu_name: z.string().nullable(),
  vram_used_mb: z.number(),
  vram_total_mb: z.number(),
  model_loaded: z.boolean(),
  current_model: z.string().nullable(),
  loading: z.boolean(),
  loading_model: z.string().nullable(),
  processing: z.boolean(),
  current_task: z.string().nullable(),
  device: z
    .string()
    .nullable()
    .describe("Execution provider in use, e.g. cpu or webgpu; null while no model is loaded"),
  devices: z.array(z.string()).describe("Execution providers this build can try, in order"),
  tried: z
    .array(
      z.looseObject({
        device: z.string(),
        works: z.boolean(),
        reason: z.string().optional().describe("Why it does not work, or is not used"),
        gflops: z.number().optional().describe("What it reached in a small product of matrices"),
        arithmetic: z.enum(["fp32", "fp16"]).optional(),
        attention: z.enum(["fused", "plain"]).optional().describe("plain where the fused operator computes wrongly"),
      }),
    )
    .optional()
    .describe("How the devices did that were tried when a SeedVR2 model was first wanted, in order"),
});

export const releaseResult = z.looseObject({ status: z.literal("success"), message: z.string() });

export const modelEntry = z.looseObject({
  name: z.string(),
  params: z.string(),
  precision: z.string(),
  size: z.string(),
  vram: z.string(),
  variant: z.string().nullable(),
  desc: z.looseObject({ en: z.string(), "zh-CN": z.string() }),
  installed: z.boolean(),
  runnable: z.boolean().describe("Whether a task may name it now"),
  reason: z.string().optional().describe("Why it is not runnable"),
  builtin: z.boolean(),
  path: z.string().nullable(),
  autoencoder: z.string().optional().describe("File of the autoencoder it runs with"),
  prompt: z
    .string()
    .nullable()
    .optional()
    .describe("File of the prompt embedding; null where the model's own holds it"),
  same_network: z
    .array(z.string())
    .optional()
    .describe("Other installed models that hold the same network, size and variant, in another format"),
  progress: percent.optional().describe("Of the file being fetched, while the model is downloaded"),
  download: z
    .looseObject({
      file: z.string(),
      bytes: z.number(),
      total: z.number().nullable().describe("Null where the server does not say"),
      eta: z.number().nullable().describe("Seconds until this file is there"),
    })
    .optional()
    .describe("Present while the model is downloaded"),
  download_error: z.string().optional().describe("Why the last download failed"),
  memory_bytes: z.number().optional().describe("Private memory that a picture of 1080p needs here at its peak"),
  fits: z.boolean().optional().describe("Whether this machine has that much"),
});
export type ModelEntry = z.output<typeof modelEntry>;

export const modelsResult = z.looseObject({
  models: z.array(modelEntry),
  default: z.string(),
  current: z.string().nullable(),
  loading: z.boolean(),
  loading_model: z.string().nullable(),
  cache_bytes: z.number().describe("Disk space that repacked model files take; they can be made again at any time"),
});

export const cleanResult = z.looseObject({
  status: z.literal("success"),
  message: z.string(),
  removed_bytes: z.number(),
  kept_bytes: z.number().describe("What the running task needs"),
});

export const switchResult = z.looseObject({
  status: z.enum(["loaded", "loading", "downloading", "scheduled"]),
  model: z.string(),
  progress: percent.optional().describe("Of the file being fetched, while it is downloaded"),
});

export const downloadResult = z.looseObject({
  status: z.enum(["installed", "downloading", "cancelled"]),
  model: z.string(),
  progress: percent.optional().describe("Of the file being fetched"),
});

export const queueStatusResult = z.looseObject({
  queue_length: z.number().int().min(0).max(1_000_000).describe("The running task and the waiting ones"),
  processing: z.looseObject({ task_id: z.string(), progress: percent, model: z.string() }).nullable(),
  processing_progress: percent,
  pending_tasks: z.array(z.looseObject({ task_id: z.string(), position: z.number() })),
  total_completed: z.number(),
  total_failed: z.number(),
  avg_process_time: seconds,
  estimated_total_wait: seconds,
});

export const positionResult = z.looseObject({
  task_id: z.string(),
  status: z.enum(taskStates),
  position: z.number().describe("1 is next or running first; 0 when running or ended"),
  estimated_wait: z.number().describe("Seconds until the task is expected to be done"),
});

export const historyResult = z.looseObject({
  history: z.array(
    z.looseObject({
      id: z.string(),
      status: z.enum(taskStates),
      created_at: time,
      completed_at: time.nullable(),
      process_time: z.number().nullable(),
      output_filename: z.string().nullable(),
      output_resolution: z.string().nullable(),
    }),
  ),
});

export const submitResult = z.looseObject({
  status: z.enum(taskStates),
  task_id: z.string(),
  queue_position: z.number(),
  estimated_wait_seconds: z.number().describe("Seconds until the task is expected to be done"),
  duplicate: z.boolean().optional().describe("True when the idempotency key was known: this is that earlier task"),
  warning: z.string().optional(),
});

const suggestion = z.looseObject({
  parameters: z
    .record(z.string(), z.union([z.string(), z.number(), z.null()]))
    .describe("What to change in the submission; null leaves a parameter out"),
  needed_bytes: z.number(),
  text: z.string(),
});
export type Suggestion = z.output<typeof suggestion>;

export const planResult = z.looseObject({
  summary: z.string().describe("The plan in sentences"),
  kind: z.enum(["image", "video"]),
  model: z.string(),
  reason: z.string().describe("Why this model"),
  width: z.number().describe("Of the result, in pixels"),
  height: z.number(),
  frames: z.number().describe("Frames or pages of the result"),
  tiles: z
    .looseObject({ side: z.number(), overlap: z.number() })
    .nullable()
    .describe("Tiles of the autoencoder in pixels; null where frames go through whole"),
  batch_size: z.number().describe("Frames that run together"),
  prompt: z
    .looseObject({ source: z.enum(["own", "separate"]), path: z.string() })
    .nullable()
    .describe("Where the prompt embedding comes from: the model's own file, which wins, or another; null without one"),
  fits: z.boolean(),
  needed_bytes: z.number().describe("Private memory at the peak, by the documented model"),
  weights_bytes: z.number().describe("Size of the files whose weights are mapped; their memory can be taken back"),
  available_bytes: z.number().describe("What a task may have here, less a reserve, when no other runs"),
  device: z.string().describe("What it is computed on; the processor as long as none was tried"),
  expected_seconds: z.number().nullable(),
  time_from: z.enum(["measured here", "not measured yet"]).describe("Where the expected time comes from"),
  notes: z.array(z.string()),
  suggestions: z
    .array(suggestion)
    .describe(
      "What would fit where the plan does not, or would let a SeedVR2 model fit where none does; for a clip that fits, the largest batch up to 45 frames that makes it steadier and fits too",
    ),
});

export const taskResult = z.looseObject({
  id: z.string(),
  kind: z.enum(["image", "video"]),
  status: z.enum(taskStates),
  progress: percent,
  queue_position: z.number(),
  created_at: time,
  started_at: time.nullable(),
  params: z.looseObject({}).describe("The parameters as they were understood, with the model's name"),
  stage: z
    .string()
    .nullable()
    .describe("What is being done for the task now, e.g. upscaling; while it is queued, downloading its model"),
  eta: z.number().nullable().describe("Seconds until it is expected to be done"),
  frames_done: z.number(),
  frames_total: z.number().nullable(),
  completed_at: time.optional(),
  process_time: z.number().optional().describe("Seconds"),
  output_path: z.string().optional(),
  output_filename: z.string().optional(),
  output_resolution: z.string().optional().describe("WIDTHxHEIGHT"),
  error: z.string().optional(),
  error_code: z.string().optional().describe("What kind of failure it is, as in the answers of calls that fail"),
  notes: z.array(z.string()).describe("What was converted, dropped or worth knowing"),
  timed_out: z.boolean().optional().describe("True when waiting ended before the task did"),
});
export type TaskResult = z.output<typeof taskResult>;

export const watchResult = z.looseObject({
  revision: z.number().describe("Give it back as `after` to be answered at the next change"),
  task: taskResult,
});

export const stopResult = z.looseObject({ status: z.literal("stopping"), message: z.string() });

/** The engine about itself, for `doctor` and for clients that found it. */
export const engineResult = z.looseObject({
  version: z.string(),
  protocol: z.number(),
  pid: z.number(),
  port: z.number(),
  started_at: time,
  state_dir: z.string(),
  settings: z.record(z.string(), z.string()).describe("The engine's own settings, to be compared with a caller's"),
});
