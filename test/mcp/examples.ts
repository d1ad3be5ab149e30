import { aTask } from "../stand-in-engine.ts";

/** Outputs of the operations for tests: what an engine may answer. */

export const emptyQueue = {
  queue_length: 0,
  processing: null,
  processing_progress: 0,
  pending_tasks: [],
  total_completed: 3,
  total_failed: 1,
  avg_process_time: 12.5,
  estimated_total_wait: 0,
};

export const busyQueue = {
  ...emptyQueue,
  queue_length: 2,
  processing: { task_id: "k3x9a2pq", progress: 42.5, model: "builtin_x2" },
  processing_progress: 42.5,
  pending_tasks: [{ task_id: "b7c8d9e0", position: 2 }],
  estimated_total_wait: 240,
};

const submitted = { status: "queued", task_id: "k3x9a2pq", queue_position: 2, estimated_wait_seconds: 240 };

export const completed = aTask({
  status: "completed",
  progress: 100,
  stage: null,
  eta: null,
  completed_at: "2026-11-24T10:00:26.000Z",
  process_time: 25,
  output_path: "/home/u/clip_3b_fp8_1080p_b5_clab_s42_25s.mp4",
  output_filename: "clip_3b_fp8_1080p_b5_clab_s42_25s.mp4",
  output_resolution: "1920x1080",
  notes: ["The sound was converted to AAC."],
});

const planned = {
  summary: "seedvr2_ema_7b_fp16.safetensors makes 1920x1080, without tiles. It fits.",
  kind: "image",
  model: "seedvr2_ema_7b_fp16.safetensors",
  reason: "Chosen because it is the best that fits.",
  width: 1920,
  height: 1080,
  frames: 1,
  tiles: null,
  batch_size: 1,
  prompt: { source: "separate", path: "/home/u/models/pos_emb.pt" },
  fits: true,
  needed_bytes: 13.8e9,
  weights_bytes: 17e9,
  available_bytes: 21e9,
  device: "cpu",
  expected_seconds: null,
  time_from: "not measured yet",
  notes: [],
  suggestions: [],
};
const smaller = { parameters: { batch_size: 5 }, needed_bytes: 8e9, text: "With batch_size 5 it needs about 8.0 GB." };

const idleDevice = {
  cuda_available: false,
  gpu_name: null,
  vram_used_mb: 0,
  vram_total_mb: 0,
  model_loaded: false,
  current_model: null,
  loading: false,
  loading_model: null,
  processing: false,
  current_task: null,
  device: null,
  devices: ["cpu"],
};

const passedDevice = { device: "cuda", works: false, reason: "Failed to load shared library" };

const busyDevice = {
  ...idleDevice,
  cuda_available: true,
  gpu_name: "NVIDIA H100",
  vram_used_mb: 1024,
  vram_total_mb: 81920,
  model_loaded: true,
  current_model: "builtin_x2.onnx",
  processing: true,
  current_task: "k3x9a2pq",
  device: "cuda",
};

const model = {
  name: "builtin_x2.onnx",
  params: "60K",
  precision: "FP32",
  size: "0.3MB",
  vram: "~1GB",
  variant: null,
  desc: { en: "Built in.", "zh-CN": "内置。" },
  installed: true,
  runnable: true,
  builtin: true,
  path: "/opt/models/builtin_x2.onnx",
};

const missingModel = {
  ...model,
  name: "seedvr2_ema_3b_fp16.safetensors",
  installed: false,
  runnable: false,
  reason: "It is not installed.",
  builtin: false,
  path: null,
};

export const models = {
  models: [missingModel, model],
  default: "builtin_x2.onnx",
  current: null,
  loading: false,
  loading_model: null,
  cache_bytes: 0,
};

const ended = {
  id: "k3x9a2pq",
  status: "completed",
  created_at: "2026-11-24T10:00:00.000Z",
  completed_at: "2026-11-24T10:00:26.000Z",
  process_time: 25,
  output_filename: "clip.mp4",
  output_resolution: "1920x1080",
};

const task = { task_id: "k3x9a2pq" };

interface Example {
  readonly tool: string;
  readonly args: Record<string, unknown>;
  readonly output: Record<string, unknown>;
  /** What the answer begins with. */
  readonly says: string;
  /** What it tells to do next, or a part of that. */
  readonly next: string;
}

const example = (tool: string, args: object, output: object, [says, next]: [string, string]): Example => ({
  tool,
  args: args as Record<string, unknown>,
  output: output as Record<string, unknown>,
  says,
  next,
});

const wait = 'Call wait_for_task(task_id="k3x9a2pq")';
const retry = 'retry_task(task_id="k3x9a2pq")';
const failed = aTask({ status: "failed", error: "The disk is full. Free some space.", stage: null, eta: null });

export const examples: readonly Example[] = [
  example("get_queue_status", {}, emptyQueue, ["The queue is empty; 3 completed and 1 failed", "Submit with"]),
  example("get_queue_status", {}, busyQueue, [
    "2 tasks in the queue, done in about 4 min; k3x9a2pq is running at 42 % with builtin_x2;",
    wait,
  ]),
  example("get_gpu_status", {}, idleDevice, [
    "No GPU is used; work runs on the processor; no model is loaded",
    "Submit",
  ]),
  example("get_gpu_status", {}, busyDevice, [
    "GPU NVIDIA H100, 1024 of 81920 MB used; builtin_x2.onnx is loaded on cuda; task k3x9a2pq is running.",
    wait,
  ]),
  example("get_gpu_status", {}, { ...busyDevice, device: "cpu", tried: [passedDevice] }, [
    "GPU NVIDIA H100, 1024 of 81920 MB used, not used: work runs on the processor; builtin_x2.onnx is loaded on cpu; task k3x9a2pq is running. Not used: cuda: Failed to load shared library.",
    wait,
  ]),
  example("list_available_models", {}, models, [
    "1 model can be used now: builtin_x2.onnx. The default is",
    "dit_model",
  ]),
  example("submit_image_task", { file_path: "/a/b.png" }, submitted, [
    "Task k3x9a2pq is number 2 in the queue, done in about 4 min.",
    `${wait}.`,
  ]),
  example("submit_video_task", { file_path: "/a/b.mp4" }, { ...submitted, status: "processing", duplicate: true }, [
    "This idempotency_key was used before, so nothing was submitted again. Task k3x9a2pq is being worked on",
    wait,
  ]),
  example("submit_video_task", { file_path: "/a/b.mp4" }, { ...submitted, warning: "MODEL_DIR differs." }, [
    "Task k3x9a2pq is number 2 in the queue, done in about 4 min. Warning: MODEL_DIR differs.",
    wait,
  ]),
  example("get_task_status", task, aTask(), [
    "Task k3x9a2pq is at 42 %: upscaling, 42 of 100 frames, 1 min 10 s left.",
    wait,
  ]),
  example("get_task_status", task, aTask({ status: "queued", queue_position: 3, eta: 7500, stage: null }), [
    "Task k3x9a2pq is number 3 in the queue, done in about 2 h 5 min.",
    wait,
  ]),
  example("plan", { file_path: "/home/u/a.png" }, planned, [
    planned.summary,
    'submit_image_task with the same parameters and dit_model="seedvr2_ema_7b_fp16.safetensors"',
  ]),
  example("plan", { file_path: "/home/u/a.mp4" }, { ...planned, kind: "video", fits: false, suggestions: [smaller] }, [
    planned.summary,
    "Ask the user which of the suggestions to take",
  ]),
  example("get_task_position", task, { ...task, status: "queued", position: 2, estimated_wait: 24 }, [
    "Task k3x9a2pq is number 2 in the queue, done in about 24 s.",
    wait,
  ]),
  example("get_task_position", task, { ...task, status: "completed", position: 0, estimated_wait: 0 }, [
    "Task k3x9a2pq is completed; it is no longer in the queue.",
    'get_task_status(task_id="k3x9a2pq")',
  ]),
  example("wait_for_task", task, completed, [
    "Done in 25 s: /home/u/clip_3b_fp8_1080p_b5_clab_s42_25s.mp4 (1920x1080). The sound was converted to AAC.",
    "tell the user where the result is",
  ]),
  example("wait_for_task", task, failed, ["Task k3x9a2pq failed: The disk is full. Free some space.", retry]),
  example("wait_for_task", task, aTask({ timed_out: true }), [
    "Task k3x9a2pq is at 42 %",
    'Still running: do not submit again, call wait_for_task(task_id="k3x9a2pq") again.',
  ]),
  example("get_queue_history", {}, { history: [] }, ["No such task has ended yet.", "get_queue_status"]),
  example("get_queue_history", { limit: 5 }, { history: [ended] }, [
    "1 ended task, the newest is k3x9a2pq (clip.mp4)",
    "k3x9a2pq",
  ]),
  example("release_gpu_memory", {}, { status: "success", message: "GPU memory released" }, [
    "GPU memory released",
    "Nothing",
  ]),
  example("switch_model", { model: "builtin_x2" }, { status: "loaded", model: "builtin_x2.onnx" }, [
    "builtin_x2.onnx is loaded.",
    'dit_model="builtin_x2.onnx"',
  ]),
  example(
    "switch_model",
    { model: "3b_fp8", download: true },
    { status: "downloading", model: "3b_fp8", progress: 7 },
    ["3b_fp8 is still downloading, 7 % of its current file.", 'Call switch_model(model="3b_fp8") again'],
  ),
  example("switch_model", { model: "3b_fp8" }, { status: "scheduled", model: "3b_fp8" }, [
    "3b_fp8 will be loaded after",
    "Nothing",
  ]),
  example("download_model", { model: "3b_fp8" }, { status: "downloading", model: "3b_fp8", progress: 7 }, [
    "3b_fp8 is being downloaded, 7 % of its current file.",
    "list_available_models",
  ]),
  example("download_model", { model: "3b_fp8" }, { status: "installed", model: "3b_fp8" }, [
    "3b_fp8 is installed.",
    'dit_model="3b_fp8"',
  ]),
  example("download_model", { model: "3b_fp8", cancel: true }, { status: "cancelled", model: "3b_fp8" }, [
    "The download of 3b_fp8 was cancelled.",
    "what has come is kept",
  ]),
  example("cancel_task", task, aTask({ status: "cancelled", stage: null, eta: null }), [
    "Task k3x9a2pq was cancelled and has no result.",
    retry,
  ]),
  example("retry_task", task, { ...submitted, status: "queued", queue_position: 1 }, [
    "Task k3x9a2pq is number 1",
    wait,
  ]),
];
