import assert from "node:assert";
import { stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { pathToFileURL } from "node:url";
import type { CallToolResult, ResourceLink } from "@modelcontextprotocol/sdk/types.js";
import type { EngineError, OperationName, OperationOutput, TaskResult } from "../engine/index.ts";
import { activity, doneIn, duration, toolCall, visible } from "./wording.ts";

/** What an answer says before its facts: the result in a sentence, and what to do next. */
interface Spoken {
  readonly message: string;
  readonly next: string;
}

type Sentences = { readonly [N in OperationName]?: (output: OperationOutput<N>) => Spoken };

const submitCalls = "submit_image_task for a picture or submit_video_task for a clip";

/** The sentences of each tool; facts before ids, and always a next step. */
const sentences: Sentences = {
  get_queue_status: ofQueue,
  get_gpu_status: ofDevice,
  list_available_models: ofModels,
  submit_image_task: ofSubmission,
  submit_video_task: ofSubmission,
  plan: ofPlan,
  get_task_status: ofTask,
  get_task_position: ofPosition,
  wait_for_task: ofTask,
  get_queue_history: ofHistory,
  release_gpu_memory: ({ message }) => ({ message, next: "Nothing to do: the next task loads its model again." }),
  switch_model: ofSwitch,
  download_model: ofDownload,
  cancel_task: ofTask,
  retry_task: ofSubmission,
};

/**
 * A tool's result from the operation's output. Structured part and text each carry every fact, the sentence and the
 * next step, because a host shows its model only one of them.
 */
export async function answer<N extends OperationName>(name: N, output: OperationOutput<N>): Promise<CallToolResult> {
  const say = sentences[name] as ((output: OperationOutput<N>) => Spoken) | undefined;
  assert(say, `tool ${name} has no sentences`);
  const said = say(output);
  const warning = typeof output.warning === "string" ? ` Warning: ${output.warning}` : "";
  const message = visible(said.message + warning);
  const text = `${message}\nNext: ${said.next}\n\n${JSON.stringify(output)}`;
  return {
    content: [{ type: "text", text }, ...(await resultLinks(output))],
    structuredContent: { ...output, message, next_step: said.next },
  };
}

/** A failure as the model sees it: the text REST gives, without stack or code. */
export function failure(error: EngineError): CallToolResult {
  return { content: [{ type: "text", text: visible(error.message) }], isError: true };
}

function ofSubmission(output: OperationOutput<"submit_video_task">): Spoken {
  const { task_id: id, status, queue_position: position, estimated_wait_seconds: wait } = output;
  const repeated = output.duplicate ? "This idempotency_key was used before, so nothing was submitted again. " : "";
  switch (status) {
    case "queued":
      return {
        message: `${repeated}Task ${id} is number ${position} in the queue${doneIn(wait)}.`,
        next: `Call ${toolCall("wait_for_task", id)}.`,
      };
    case "processing":
      return {
        message: `${repeated}Task ${id} is being worked on${doneIn(wait)}.`,
        next: `Call ${toolCall("wait_for_task", id)}.`,
      };
    case "completed":
    case "failed":
    case "cancelled":
      return { message: `${repeated}Task ${id} is ${status}.`, next: `Call ${toolCall("get_task_status", id)}.` };
  }
}

function ofPlan({ summary, fits, kind, model, suggestions }: OperationOutput<"plan">): Spoken {
  const submit = `submit_${kind}_task with the same parameters and dit_model=${JSON.stringify(model)}`;
  if (fits) {
    const also = suggestions.length
      ? " Or ask the user whether to take the suggestion, and let its parameters replace those."
      : "";
    return { message: summary, next: `Call ${submit}.${also}` };
  }
  const next = suggestions.length
    ? "Ask the user which of the suggestions to take, then submit with its parameters."
    : "Tell the user that this machine has too little memory for it.";
  return { message: summary, next };
}

function ofTask(task: TaskResult): Spoken {
  const { id } = task;
  switch (task.status) {
    case "queued":
      return {
        message: `Task ${id} is number ${task.queue_position} in the queue${doneIn(task.eta ?? 0)}${fetching(task)}.`,
        next: nextWhileRunning(task),
      };
    case "processing":
      return {
        message: `Task ${id} is at ${Math.floor(task.progress)} %: ${activity(task, task.eta)}.`,
        next: nextWhileRunning(task),
      };
    case "completed":
      return {
        message: [`Done${took(task)}: ${task.output_path ?? "no file"}${size(task)}.`, ...task.notes].join(" "),
        next: "Nothing more to do: tell the user where the result is.",
      };
    case "failed":
      return {
        message: `Task ${id} failed: ${task.error ?? "no reason is known."}`,
        next: `Tell the user why; once the cause is removed, call ${toolCall("retry_task", id)}.`,
      };
    case "cancelled":
      return {
        message: `Task ${id} was cancelled and has no result.`,
        next: `Nothing more to do; ${toolCall("retry_task", id)} would start it anew.`,
      };
  }
}

function nextWhileRunning(task: TaskResult): string {
  const wait = toolCall("wait_for_task", task.id);
  return task.timed_out ? `Still running: do not submit again, call ${wait} again.` : `Call ${wait} for its result.`;
}

const fetching = ({ stage }: TaskResult) => (stage ? `: ${stage}` : "");
const took = (task: TaskResult) => (task.process_time === undefined ? "" : ` in ${duration(task.process_time)}`);
const size = (task: TaskResult) => (task.output_resolution === undefined ? "" : ` (${task.output_resolution})`);

function ofPosition(output: OperationOutput<"get_task_position">): Spoken {
  const { task_id: id, status, position, estimated_wait: wait } = output;
  if (status === "queued") {
    return {
      message: `Task ${id} is number ${position} in the queue${doneIn(wait)}.`,
      next: `Call ${toolCall("wait_for_task", id)}.`,
    };
  }
  if (status === "processing") {
    return { message: `Task ${id} is running${doneIn(wait)}.`, next: `Call ${toolCall("wait_for_task", id)}.` };
  }
  return {
    message: `Task ${id} is ${status}; it is no longer in the queue.`,
    next: `Call ${toolCall("get_task_status", id)} for its result.`,
  };
}

function ofQueue(output: OperationOutput<"get_queue_status">): Spoken {
  const { queue_length: length, processing, pending_tasks: pending } = output;
  const totals = `${output.total_completed} completed and ${output.total_failed} failed so far`;
  const first = processing?.task_id ?? pending[0]?.task_id;
  if (first === undefined) return { message: `The queue is empty; ${totals}.`, next: `Submit with ${submitCalls}.` };
  const running = processing
    ? `; ${processing.task_id} is running at ${Math.floor(processing.progress)} % with ${processing.model}`
    : "";
  return {
    message: `${count(length, "task")} in the queue${doneIn(output.estimated_total_wait)}${running}; ${totals}.`,
    next: `Call ${toolCall("wait_for_task", first)} to wait for the first, or submit more: they are done in order.`,
  };
}

function ofDevice(output: OperationOutput<"get_gpu_status">): Spoken {
  const memory = output.vram_total_mb > 0 ? `, ${output.vram_used_mb} of ${output.vram_total_mb} MB used` : "";
  const isProcessor = output.device === null || output.device === "cpu";
  const unnamed = isProcessor ? "No GPU is used; work runs on the processor" : "A GPU without figures is used";
  const unused = output.device === "cpu" ? ", not used: work runs on the processor" : "";
  const gpu = output.gpu_name ? `GPU ${output.gpu_name}${memory}${unused}` : unnamed;
  const passed = (output.tried ?? []).flatMap(({ device, reason }) =>
    reason ? [`${device}: ${reason.replace(/\.?$/, ".")}`] : [],
  );
  const why = passed.length > 0 ? ` Not used: ${passed.join(" ")}` : "";
  const model = output.loading
    ? `${output.loading_model ?? "a model"} is loading`
    : output.current_model
      ? `${output.current_model} is loaded${output.device ? ` on ${output.device}` : ""}`
      : "no model is loaded";
  const task = output.current_task ? `task ${output.current_task} is running` : "no task is running";
  return {
    message: `${gpu}; ${model}; ${task}.${why}`,
    next: output.current_task
      ? `Call ${toolCall("wait_for_task", output.current_task)} to wait for the running task.`
      : `Submit with ${submitCalls}; models are loaded by themselves.`,
  };
}

function ofModels(output: OperationOutput<"list_available_models">): Spoken {
  const usable = output.models.filter((model) => model.runnable).map((model) => model.name);
  return {
    message: `${count(usable.length, "model")} can be used now: ${usable.join(", ")}. The default is ${output.default}. ${output.models.length} are known in all.`,
    next: "Name one as dit_model when you submit, or leave dit_model out for the default.",
  };
}

function ofHistory(output: OperationOutput<"get_queue_history">): Spoken {
  const newest = output.history[0];
  if (!newest) return { message: "No such task has ended yet.", next: "Call get_queue_status for what is going on." };
  const name = newest.output_filename ? ` (${newest.output_filename})` : "";
  return {
    message: `${count(output.history.length, "ended task")}, the newest is ${newest.id}${name}, ${newest.status}.`,
    next: `Call ${toolCall("get_task_status", newest.id)}, or with another id, for path and details.`,
  };
}

function ofSwitch(output: OperationOutput<"switch_model">): Spoken {
  const { model, status } = output;
  const again = `Call switch_model(model=${JSON.stringify(model)}) again until it is loaded, or submit: a task waits for its model.`;
  switch (status) {
    case "loaded":
      return {
        message: `${model} is loaded.`,
        next: `Submit with ${submitCalls}, dit_model=${JSON.stringify(model)}.`,
      };
    case "loading":
    case "downloading":
      return { message: `${model} is still ${status}${shareOf(output.progress)}.`, next: again };
    case "scheduled":
      return {
        message: `${model} will be loaded after the task that is running.`,
        next: "Nothing to do: go on, or call get_queue_status to see the running task.",
      };
  }
}

function ofDownload({ model, status, progress }: OperationOutput<"download_model">): Spoken {
  switch (status) {
    case "installed":
      return {
        message: `${model} is installed.`,
        next: `Submit with ${submitCalls}, dit_model=${JSON.stringify(model)}.`,
      };
    case "downloading":
      return {
        message: `${model} is being downloaded${shareOf(progress)}.`,
        next: "Call list_available_models to see how far it is, or submit with download=true: that task waits for it.",
      };
    case "cancelled":
      return {
        message: `The download of ${model} was cancelled.`,
        next: "Nothing to do: what has come is kept, and download_model goes on from there.",
      };
  }
}

const shareOf = (progress: number | undefined) => (progress === undefined ? "" : `, ${progress} % of its current file`);

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

const mimeTypes: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".webp": "image/webp",
  ".avif": "image/avif",
  ".tif": "image/tiff",
  ".tiff": "image/tiff",
  ".gif": "image/gif",
  ".mp4": "video/mp4",
  ".mov": "video/quicktime",
  ".mkv": "video/x-matroska",
  ".webm": "video/webm",
};

/** A link to the result of a completed task, beside its path; no link for anything else. */
async function resultLinks(output: Readonly<Record<string, unknown>>): Promise<ResourceLink[]> {
  const path = output.output_path;
  if (output.status !== "completed" || typeof path !== "string") return [];
  const mimeType = mimeTypes[extname(path).toLowerCase()];
  // The file may have been moved since; then the link only lacks its size.
  const bytes = await stat(path).then(
    (file) => (file.isFile() ? file.size : undefined),
    () => undefined,
  );
  return [
    {
      type: "resource_link",
      uri: pathToFileURL(path).href,
      name: visible(basename(path)),
      ...(mimeType !== undefined && { mimeType }),
      ...(bytes !== undefined && { size: bytes }),
    },
  ];
}
