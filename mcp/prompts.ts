import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { GetPromptResult, Prompt } from "@modelcontextprotocol/sdk/types.js";

interface PromptWithText {
  readonly prompt: Prompt;
  readonly text: (given: Readonly<Record<string, string>>) => string;
}

const enlarge: PromptWithText = {
  prompt: {
    name: "enlarge_file",
    title: "Enlarge a picture or clip",
    description: "Submits a file, waits until it is done and tells where the result is.",
    arguments: [
      { name: "file_path", description: "Absolute path of the picture or clip", required: true },
      { name: "resolution", description: "Shorter side of the result in pixels, default 1080" },
      { name: "dit_model", description: "Which model; leave out for the default" },
    ],
  },
  text: ({ file_path, resolution, dit_model }) =>
    `Enlarge the file ${JSON.stringify(file_path)}${resolution ? ` to resolution ${resolution}` : ""}${dit_model ? ` with dit_model ${JSON.stringify(dit_model)}` : ""}. ` +
    "Use submit_image_task for a picture and submit_video_task for a clip, once. Then call wait_for_task with the " +
    "task_id, again and again while it says timed_out, telling me now and then how far it is. At the end tell me the " +
    "result's path and size, or what went wrong and what I can do.",
};

const checkOnWork: PromptWithText = {
  prompt: {
    name: "check_on_work",
    title: "Check on work",
    description: "Tells what is running, what is waiting and when it will be done.",
    arguments: [{ name: "task_id", description: "One task; leave out for the whole queue" }],
  },
  text: ({ task_id }) =>
    task_id
      ? `Look at task ${JSON.stringify(task_id)} with get_task_status and tell me how far it is, when it will be done, or where its result is. Change nothing.`
      : "Look at get_queue_status and get_queue_history (status all, limit 5) and tell me what is running and how far it is, what is waiting, when all of it will be done, and what ended last. Change nothing.",
};

const chooseModel: PromptWithText = {
  prompt: {
    name: "choose_model",
    title: "Choose a model",
    description: "Compares the models with this machine and recommends one.",
    arguments: [{ name: "purpose", description: "What it is for, e.g. old family videos, quickly" }],
  },
  text: ({ purpose }) =>
    `Which model should I use${purpose ? ` for ${JSON.stringify(purpose)}` : ""}? Look at list_available_models and get_gpu_status, ` +
    "compare the memory each model needs with what there is, and recommend one that can run here. Say in a sentence or " +
    "two why, and what it would take to use a better one. Load and submit nothing.",
};

const all: readonly PromptWithText[] = [enlarge, checkOnWork, chooseModel];

/** The answer to prompts/list. */
export const prompts: readonly Prompt[] = all.map(({ prompt }) => prompt);

/** A prompt with its arguments filled in. Throws McpError -32602 for an unknown name or a missing argument. */
export function getPrompt(name: string, given: Readonly<Record<string, string>>): GetPromptResult {
  const found = all.find(({ prompt }) => prompt.name === name);
  if (!found) {
    const known = prompts.map((prompt) => prompt.name).join(", ");
    throw new McpError(ErrorCode.InvalidParams, `There is no prompt ${JSON.stringify(name)}. There are: ${known}.`);
  }
  const missing = found.prompt.arguments?.find((argument) => argument.required && !given[argument.name]);
  if (missing) {
    throw new McpError(
      ErrorCode.InvalidParams,
      `Prompt ${name} needs ${missing.name}: ${missing.description ?? "no default"}.`,
    );
  }
  const text = found.text(given);
  return {
    ...(found.prompt.description !== undefined && { description: found.prompt.description }),
    messages: [{ role: "user", content: { type: "text", text } }],
  };
}
