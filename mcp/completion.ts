import type { CompleteRequest } from "@modelcontextprotocol/sdk/types.js";
import type { CallOptions, Engine } from "../engine/index.ts";
import { taskTemplateUri } from "./resources.ts";

/** The protocol allows so many values in an answer. */
const mostValues = 100;

type Source = (engine: Engine, options: CallOptions) => Promise<readonly string[]>;

/** Where values of an argument come from, by prompt name or resource template and the argument's name. */
const sources: Readonly<Record<string, Source>> = {
  [`${taskTemplateUri} id`]: taskIds,
  "check_on_work task_id": taskIds,
  "enlarge_file dit_model": modelNames,
};

/** Values of an argument that begin as typed; none for arguments that have no known values, or when asking fails. */
export async function complete(
  { ref, argument }: CompleteRequest["params"],
  engine: () => Promise<Engine>,
  options: CallOptions,
): Promise<readonly string[]> {
  const source = sources[`${ref.type === "ref/prompt" ? ref.name : ref.uri} ${argument.name}`];
  if (!source) return [];
  const typed = argument.value.toLowerCase();
  try {
    const values = await source(await engine(), options);
    return values.filter((value) => value.toLowerCase().startsWith(typed)).slice(0, mostValues);
  } catch {
    // Typing goes on without suggestions; the call that follows says what is wrong.
    return [];
  }
}

async function taskIds(engine: Engine, options: CallOptions): Promise<readonly string[]> {
  const { processing, pending_tasks: pending } = await engine.call("get_queue_status", {}, options);
  const { history } = await engine.call("get_queue_history", { limit: mostValues, status: "all" }, options);
  const running = processing ? [processing.task_id] : [];
  return [...new Set([...running, ...pending.map((task) => task.task_id), ...history.map((task) => task.id)])];
}

async function modelNames(engine: Engine, options: CallOptions): Promise<readonly string[]> {
  const { models } = await engine.call("list_available_models", {}, options);
  return models.map((model) => model.name);
}
