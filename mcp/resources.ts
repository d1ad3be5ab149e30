import { McpError } from "@modelcontextprotocol/sdk/types.js";
import type { ReadResourceResult, Resource, ResourceTemplate } from "@modelcontextprotocol/sdk/types.js";
import { asEngineError, operations, parseInput } from "../engine/index.ts";
import type { CallOptions, Engine } from "../engine/index.ts";
import { visible } from "./wording.ts";

/** The protocol's code for a resource that is not there. */
const resourceNotFound = -32002;

const modelsUri = "seedvr2://models";
const queueUri = "seedvr2://queue";
const taskUri = /^seedvr2:\/\/tasks\/([^/]+)$/;
const mimeType = "application/json";

/** The template of a task's resource; its variable is completed from the tasks there are. */
export const taskTemplateUri = "seedvr2://tasks/{id}";

/** The answer to resources/list. */
export const resources: readonly Resource[] = [
  {
    uri: modelsUri,
    name: "models",
    title: "Models",
    description: "Every model and whether it can run here.",
    mimeType,
  },
  { uri: queueUri, name: "queue", title: "Queue", description: "The running task and the waiting ones.", mimeType },
];

/** The answer to resources/templates/list. */
export const resourceTemplates: readonly ResourceTemplate[] = [
  {
    uriTemplate: taskTemplateUri,
    name: "task",
    title: "Task",
    description: "One task: state, progress, parameters, and the result's path when it has ended.",
    mimeType,
  },
];

/** A resource as JSON, the same objects the tools answer. Throws McpError -32002 for what is not there. */
export async function readResource(
  uri: string,
  engine: () => Promise<Engine>,
  options: CallOptions,
): Promise<ReadResourceResult> {
  const read = readerOf(uri);
  if (!read) {
    const known = [...resources.map((resource) => resource.uri), taskTemplateUri].join(", ");
    throw resourceError(`There is no resource ${JSON.stringify(uri)}. There are: ${known}.`, uri);
  }
  try {
    const output = await read(engine, options);
    return { contents: [{ uri, mimeType, text: JSON.stringify(output) }] };
  } catch (error) {
    throw resourceError(asEngineError(error).message, uri);
  }
}

type Reader = (engine: () => Promise<Engine>, options: CallOptions) => Promise<unknown>;

function readerOf(uri: string): Reader | undefined {
  if (uri === modelsUri) return async (engine, options) => (await engine()).call("list_available_models", {}, options);
  if (uri === queueUri) return async (engine, options) => (await engine()).call("get_queue_status", {}, options);
  const id = taskUri.exec(uri)?.[1];
  if (id === undefined) return undefined;
  return async (engine, options) => {
    // Checked before an engine is started for it.
    const input = parseInput(operations.get_task_status.input, { task_id: id });
    return (await engine()).call("get_task_status", input, options);
  };
}

function resourceError(text: string, uri: string): McpError {
  return new McpError(resourceNotFound, visible(text), { uri });
}
