import { z } from "zod";
import { historyLimits, timeoutLimits } from "../schemas/limits.ts";
import { imageParameters, parameter, planParameters, taskId, videoParameters } from "../schemas/parameters.ts";
import * as results from "../schemas/results.ts";
import { operation } from "./operation.ts";

const nothing = z.strictObject({});
const oneTask = z.strictObject({ task_id: taskId });

const watchInput = z.strictObject({
  task_id: taskId,
  after: parameter(
    z
      .number()
      .int()
      .min(0)
      .max(2 ** 48)
      .default(0),
    "The last revision seen.",
    "whole number from 0",
  ),
  wait_seconds: parameter(z.number().min(0).max(60).default(20), "How long to wait for a change.", "seconds, 0–60"),
});

const waitInput = z.strictObject({
  task_id: taskId,
  timeout: parameter(
    z.number().min(timeoutLimits.min).max(timeoutLimits.max).default(600),
    "How long you are willing to wait in all. The answer may come earlier, with timed_out true: then call again.",
    `seconds, ${timeoutLimits.min}–${timeoutLimits.max}`,
  ),
  poll_interval: parameter(
    z.number().min(0.1).max(3600).default(5),
    "Accepted for older clients; changes are reported as they happen.",
    "seconds, 0.1–3600",
  ),
});

const historyInput = z.strictObject({
  limit: parameter(
    z.number().int().min(historyLimits.min).max(historyLimits.max).default(20),
    "How many at most, newest first.",
    `whole number ${historyLimits.min}–${historyLimits.max}`,
  ),
  status: parameter(
    z.enum(["completed", "failed", "cancelled", "all"]).default("completed"),
    "Which ended tasks.",
    "one of completed, failed, cancelled, all",
  ),
});

const switchInput = z.strictObject({
  model: parameter(z.string().min(1).max(255), "The model to load.", "a name from list_available_models"),
  download: parameter(z.boolean().default(false), "Fetch it first if it is not installed.", "true or false"),
});

const downloadInput = z.strictObject({
  model: parameter(z.string().min(1).max(255), "The model to fetch.", "a name from list_available_models"),
  cancel: parameter(z.boolean().default(false), "End its download instead; what has come is kept.", "true or false"),
});

/** Everything the engine can do, by name. Names of tools are the contract's. */
export const operations = {
  get_queue_status: operation({
    title: "Queue status",
    description:
      "Looks at the whole queue: how many tasks are running or waiting, which one runs and how far it is, totals, and the expected wait in seconds. Use it to tell a user how busy the engine is or before submitting much work. For one task use get_task_status; to wait for a result use wait_for_task. Changes nothing and answers at once.",
    input: nothing,
    output: results.queueStatusResult,
    kind: "reads",
    mcp: true,
    route: { method: "get", path: "/api/queue/status" },
  }),
  get_gpu_status: operation({
    title: "GPU and model status",
    description:
      "Tells which device the engine computes on (GPU or plain CPU), its memory, which model is loaded or loading, and whether a task is running. Use it when asked why things are slow or whether a GPU is used. Without a GPU the figures are false, null and 0, and everything still works on the CPU. Changes nothing and answers at once.",
    input: nothing,
    output: results.gpuStatusResult,
    kind: "reads",
    mcp: true,
    route: { method: "get", path: "/api/gpu/status" },
  }),
  list_available_models: operation({
    title: "Available models",
    description:
      "Lists every model by name with size, precision, memory it needs, whether it is installed and whether it can run here (and if not, why), and which one is the default. Call it before naming a dit_model or switch_model. The built-in model is always there and needs nothing. Changes nothing.",
    input: nothing,
    output: results.modelsResult,
    kind: "reads",
    mcp: true,
    route: { method: "get", path: "/api/models" },
  }),
  submit_image_task: operation({
    title: "Enlarge a picture",
    description:
      "Restores and enlarges one picture (PNG, JPEG, WebP, AVIF, TIFF, GIF) and writes the result as a new file; the original is never changed. Answers within 2 s with a task_id while the work goes on in the background, even if this program quits. Next: wait_for_task(task_id) for progress and the result's path. For clips use submit_video_task. Give resolution (shorter side, default 1080) or scale. If a call timed out and you are not sure it arrived, submit again with the same idempotency_key: it will not be done twice.",
    input: imageParameters,
    output: results.submitResult,
    kind: "creates",
    mcp: true,
  }),
  submit_video_task: operation({
    title: "Enlarge a clip",
    description:
      "Restores and enlarges one video clip (whatever ffmpeg reads) and writes it as a new file with its sound and frame times; the original is never changed. Answers within 2 s with a task_id while the work goes on in the background, even if this program quits; clips can take minutes to hours. Next: wait_for_task(task_id), again and again until it is completed. For pictures use submit_image_task. Give resolution (shorter side, default 1080) or scale; preview_frames 10 tries the first frames only. If a call timed out and you are not sure it arrived, submit again with the same idempotency_key: it will not be done twice.",
    input: videoParameters,
    output: results.submitResult,
    kind: "creates",
    mcp: true,
  }),
  plan: operation({
    title: "Plan a task",
    description:
      "Says what a submission with the same parameters would do, without submitting anything: which model and why, size of the result, tiles, batch size, memory needed and there, whether it fits, the expected time, and where it does not fit what would. Leave dit_model out for the best model that fits. Use it before long tasks, when a submission was refused with does_not_fit, or to compare models. Next: submit_image_task or submit_video_task with the model and parameters it names. Changes nothing.",
    input: planParameters,
    output: results.planResult,
    kind: "reads",
    mcp: true,
    route: { method: "post", path: "/api/plan" },
  }),
  get_task_status: operation({
    title: "Task status",
    description:
      "A look at one task in between: state, progress in percent, stage, frames done, time left, and when it has ended the result's path or the error. To be told when it is done, call wait_for_task instead of asking again and again. Changes nothing and answers at once.",
    input: oneTask,
    output: results.taskResult,
    kind: "reads",
    mcp: true,
    route: { method: "get", path: "/api/status/{task_id}" },
  }),
  get_task_position: operation({
    title: "Place in the queue",
    description:
      "A look at where one task stands in the queue and in how many seconds it is expected to be done. The running task counts: the first waiting one behind it is number 2; 0 means running or ended. To wait for the result use wait_for_task. Changes nothing and answers at once.",
    input: oneTask,
    output: results.positionResult,
    kind: "reads",
    mcp: true,
    route: { method: "get", path: "/api/queue/position/{task_id}" },
  }),
  wait_for_task: operation({
    title: "Wait for a task",
    description:
      "Waits until a task has ended and answers with its final state: the result's path and size, or the error. Sends progress while it waits. Answers early, with timed_out true, when the time it may take is used up: the task goes on, so call wait_for_task again with the same task_id and do not submit the file again. Cancelling this call ends the waiting, not the task; to end the task use cancel_task.",
    input: waitInput,
    output: results.taskResult,
    kind: "reads",
    mcp: true,
  }),
  get_queue_history: operation({
    title: "History",
    description:
      "Lists ended tasks, newest first: when, how long they took, the result's file name and size. Completed ones unless status says failed, cancelled or all. Use it to find an earlier result or an id; for details of one call get_task_status. Changes nothing.",
    input: historyInput,
    output: results.historyResult,
    kind: "reads",
    mcp: true,
    route: { method: "get", path: "/api/queue/history" },
  }),
  release_gpu_memory: operation({
    title: "Release memory",
    description:
      "Unloads the model and gives its memory back to the system; when it answers the memory is free. While a task runs it is released right after that task. No task is lost; the next one loads its model again, which takes a moment. Use it when another program needs the GPU or the memory.",
    input: nothing,
    output: results.releaseResult,
    kind: "changes",
    mcp: true,
    route: { method: "post", path: "/api/gpu/offload" },
  }),
  switch_model: operation({
    title: "Load a model",
    description:
      "Loads a model now, so that the next task with it starts at once. Not needed before submitting: a task loads the model it names. Takes a name from list_available_models in full, without extension or short. While a task with another model runs the answer is scheduled. Answers within 45 s; status loading or downloading means: call again.",
    input: switchInput,
    output: results.switchResult,
    kind: "changes",
    mcp: true,
    route: { method: "post", path: "/api/models/switch" },
  }),
  clean_model_cache: operation({
    title: "Remove repacked models",
    description:
      "Removes the repacked copies of model files that no running task uses, and says how much disk space became free. They are made again when such a model is next used, which takes a while. Model files themselves are never touched.",
    input: nothing,
    output: results.cleanResult,
    kind: "changes",
    mcp: false,
    route: { method: "post", path: "/api/models/clean" },
  }),
  download_model: operation({
    title: "Download a model",
    description:
      "Fetches a SeedVR2 model that is not installed, with the autoencoder and prompt embedding it needs, into the model folder: 2 to 16 GB from Hugging Face. Ask the user first. Answers at once with status downloading and goes on in the background; list_available_models shows progress and, if it failed, download_error. Goes on where an earlier download ended; replaces nothing that is there. Status installed: nothing was missing. cancel true ends it.",
    input: downloadInput,
    output: results.downloadResult,
    kind: "changes",
    mcp: true,
    route: { method: "post", path: "/api/models/download" },
  }),
  cancel_task: operation({
    title: "Cancel a task",
    description:
      "Ends a waiting or running task within 2 s and removes everything unfinished of it; what it has computed so far is lost. Finished tasks and results are never touched. Only when the user wants the task gone: a task that is slow is not stuck. retry_task starts it anew.",
    input: oneTask,
    output: results.taskResult,
    kind: "ends",
    mcp: true,
    route: { method: "post", path: "/api/tasks/{task_id}/cancel" },
  }),
  retry_task: operation({
    title: "Retry a task",
    description:
      "Queues a failed or cancelled task again with the same file and parameters, under the same task_id, as long as its input file is still there. Next: wait_for_task(task_id). Use it after the cause of a failure is removed, e.g. disk space.",
    input: oneTask,
    output: results.submitResult,
    kind: "creates",
    mcp: true,
    route: { method: "post", path: "/api/tasks/{task_id}/retry" },
  }),
  submit_task: operation({
    title: "Enlarge a picture or clip",
    description: "Submits a file of either kind; what it is decides which parameters have a meaning.",
    input: videoParameters,
    output: results.submitResult,
    kind: "creates",
    mcp: false,
  }),
  watch_task: operation({
    title: "Watch a task",
    description: "Answers with the task's state as soon as it differs from the revision given, or after wait_seconds.",
    input: watchInput,
    output: results.watchResult,
    kind: "reads",
    mcp: false,
  }),
  get_health: operation({
    title: "Health",
    description: "Whether the engine is up, its version and the length of its queue.",
    input: nothing,
    output: results.healthResult,
    kind: "reads",
    mcp: false,
    route: { method: "get", path: "/health" },
  }),
  describe_engine: operation({
    title: "About the engine",
    description: "The engine about itself: version, process, port, settings.",
    input: nothing,
    output: results.engineResult,
    kind: "reads",
    mcp: false,
  }),
  stop_engine: operation({
    title: "Stop the engine",
    description: "Ends the engine after its last finished segment; the next call starts another, which goes on.",
    input: nothing,
    output: results.stopResult,
    kind: "changes",
    mcp: false,
  }),
} as const;

export type OperationName = keyof typeof operations;
export type OperationInput<N extends OperationName> = z.input<(typeof operations)[N]["input"]>;
export type OperationOutput<N extends OperationName> = z.output<(typeof operations)[N]["output"]>;
