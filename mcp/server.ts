import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type {
  CallToolRequest,
  CallToolResult,
  ServerNotification,
  ServerRequest,
} from "@modelcontextprotocol/sdk/types.js";
import { asEngineError, operations, parseInput } from "../engine/index.ts";
import type { Caller, Engine, OperationName, OperationOutput } from "../engine/index.ts";
import { answer, failure } from "./answers.ts";
import { complete } from "./completion.ts";
import { ProgressReporter } from "./progress.ts";
import { getPrompt, prompts } from "./prompts.ts";
import { readResource, resourceTemplates, resources } from "./resources.ts";
import { toolNamed, tools } from "./tools.ts";
import { switchModel, waitForTask } from "./wait.ts";
import type { Patience, WaitInput } from "./wait.ts";

/** What a server needs, whatever it is reached by. */
export interface McpServerOptions {
  /** Finds or starts the engine; asked at each call, so it keeps what it has opened. Never asked before a call. */
  readonly engine: () => Promise<Engine>;
  readonly version: string;
  /** Seconds after which a call answers at the latest, because hosts cut longer calls off. */
  readonly maxWaitSeconds: number;
  /** Whether a client that never initialized, a script on a pipe, may wait as long as it asks for. */
  readonly fullWaitForPipes: boolean;
  /** Whose settings go with submissions; left out where the engine object fills them in. */
  readonly caller?: Caller | undefined;
  /** Told of what went wrong on our side, for the log; the client has its own answer. */
  readonly onError?: ((error: Error) => void) | undefined;
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const instructions = [
  "Restores and enlarges pictures and video clips on this machine (SeedVR2).",
  "Way of work: submit_image_task or submit_video_task with an absolute file_path answers at once with a task_id;",
  "wait_for_task(task_id) waits and answers with output_path, the new file. While it answers timed_out: true the task",
  "is still running: call wait_for_task again with the same task_id and never submit the file again for that.",
  "Tasks are done one after another, survive a restart and go on when this program quits; clips can take hours.",
  "Originals are never changed; results go to the output folder unless output_path is given.",
  "list_available_models says which models can run; leave dit_model out for the default; plan says what fits.",
  "Cancel or release memory only when the user wants it.",
].join(" ");

/** An MCP server over the engine, not yet connected. Everything but calls is answered without the engine. */
export function createMcpServer(options: McpServerOptions): Server {
  const server = new Server(
    { name: "seedvr2", title: "SeedVR2", version: options.version },
    { capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} }, instructions },
  );
  const { engine, caller, onError } = options;
  if (onError) server.onerror = onError;
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [...tools] }));
  server.setRequestHandler(CallToolRequestSchema, (request, extra) => {
    const isPipe = server.getClientVersion() === undefined && !isModern(request);
    const limitSeconds = isPipe && options.fullWaitForPipes ? Infinity : options.maxWaitSeconds;
    return callTool(request, extra, { limitSeconds, signal: extra.signal, engine, caller }).catch((error: unknown) => {
      const failed = asEngineError(error);
      if (failed.code === "internal") onError?.(failed);
      return failure(failed);
    });
  });
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: [...resources] }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [...resourceTemplates] }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => readResource(params.uri, engine, { caller }));
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: [...prompts] }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => getPrompt(params.name, params.arguments ?? {}));
  server.setRequestHandler(CompleteRequestSchema, async ({ params }) => {
    return { completion: { values: [...(await complete(params, engine, { caller }))] } };
  });
  return server;
}

/** Clients of revisions from 2026-07-28 on send no `initialize`; each request names their protocol version. */
function isModern(request: CallToolRequest): boolean {
  return request.params._meta?.["io.modelcontextprotocol/protocolVersion"] !== undefined;
}

async function callTool(request: CallToolRequest, extra: Extra, patience: Patience): Promise<CallToolResult> {
  const name = toolNamed(request.params.name);
  // Checked here too, so that a wrong argument is answered without starting an engine.
  const input = parseInput(operations[name].input, request.params.arguments);
  return answer(name, (await perform(name, input, patience, extra)) as OperationOutput<typeof name>);
}

function perform(name: OperationName, input: unknown, patience: Patience, extra: Extra): Promise<unknown> {
  switch (name) {
    case "wait_for_task":
      return waitForTask(input as WaitInput, patience, progressFor(extra));
    case "switch_model":
      return switchModel(input as Parameters<typeof switchModel>[0], patience);
    default:
      // Without the signal: whether a submission has reached the engine must not depend on when it is cancelled.
      return patience.engine().then((engine) => engine.call(name, input as never, { caller: patience.caller }));
  }
}

function progressFor(extra: Extra): ProgressReporter | undefined {
  const progressToken = extra._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  return new ProgressReporter((progress) =>
    extra.sendNotification({ method: "notifications/progress", params: { ...progress, progressToken } }),
  );
}
