import { z } from "zod";
import { createDocument } from "zod-openapi";
import type { ZodOpenApiOperationObject, ZodOpenApiResponsesObject } from "zod-openapi";
import { operations, parameterSchemas, resultSchemas } from "../engine/index.ts";
import type { OperationName } from "../engine/index.ts";
import { planFields, processFields } from "./process-route.ts";
import { goesOn, routedOperations } from "./operation-routes.ts";
import type { RoutedOperation } from "./operation-routes.ts";

const errorBody = z
  .looseObject({
    error: z.string().describe("What happened, what it means and what to do"),
    code: z.string().optional(),
  })
  .meta({ id: "Error" });

const taskStatus = resultSchemas.taskResult.meta({ id: "Task" });
const oneTask = { path: z.object({ task_id: parameterSchemas.taskId }) };

const fileField = z.string().meta({ description: "The picture or clip.", format: "binary" });

type Document = ReturnType<typeof createDocument>;

/** The OpenAPI 3.1 description of all public routes, made from the schemas that check them. */
export function openApiDocument(version: string): Document {
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "SeedVR2",
      version,
      description: "Restores and enlarges pictures and clips. Submit a file, follow its task, download the result.",
    },
    security: [{}, { token: [] }],
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    paths: { ...operationPaths(), ...handWrittenPaths() },
  });
}

function operationPaths(): Record<string, Record<string, ZodOpenApiOperationObject>> {
  return Object.fromEntries(routedOperations.map((routed) => [routed.path, { [routed.method]: describe(routed) }]));
}

function describe({ name, operation, method, inPath, others }: RoutedOperation): ZodOpenApiOperationObject {
  const takesTask = "task_id" in inPath;
  const takesSome = Object.keys(others.shape).length > 0;
  const output = operation.output === resultSchemas.taskResult ? taskStatus : operation.output;
  return {
    operationId: name,
    summary: operation.title,
    description: operation.description,
    requestParams: {
      ...(takesTask && { path: z.object(inPath) }),
      ...(takesSome && method === "get" && { query: others }),
    },
    ...(takesSome && method === "post" && { requestBody: { required: true, content: bodyOf(name, others) } }),
    responses: {
      "200": { description: "Done", content: json(output) },
      ...(goesOn.has(name) && { "202": { description: "Begun: ask again", content: json(output) } }),
      ...errors(takesSome ? "400" : undefined, takesTask || goesOn.has(name) ? "404" : undefined),
      ...(operation.kind !== "reads" && errors("409")),
    },
  };
}

/** A plan's file may be sent instead of named. */
function bodyOf(name: OperationName, others: z.ZodObject) {
  if (name !== "plan") return json(others);
  return {
    ...json(others),
    "multipart/form-data": { schema: z.strictObject({ file: fileField, ...planFields.shape }) },
  };
}

function handWrittenPaths(): Record<string, Record<string, ZodOpenApiOperationObject>> {
  return {
    "/api/process": { post: processOperation() },
    "/api/download/{task_id}": { get: downloadOperation("downloadResult"), head: downloadOperation("checkResult") },
    "/api/tasks/{task_id}/events": { get: eventsOperation() },
  };
}

function processOperation(): ZodOpenApiOperationObject {
  const form = z.strictObject({ file: fileField, ...processFields.shape });
  const key = z.string().optional().meta({ description: "The same as the field idempotency_key." });
  return {
    operationId: "process",
    summary: "Upload a picture or clip and enlarge it",
    description: "Answers once the file has arrived and can be read; the task then runs in the background.",
    requestParams: { header: z.object({ "Idempotency-Key": key }) },
    requestBody: { required: true, content: { "multipart/form-data": { schema: form } } },
    responses: {
      "200": { description: "Submitted", content: json(operations.submit_task.output) },
      ...errors("400", "413"),
    },
  };
}

function downloadOperation(operationId: string): ZodOpenApiOperationObject {
  const binary = { schema: { type: "string", format: "binary" } } as const;
  const range = z.string().optional().meta({ description: "One range of bytes, e.g. bytes=0-1023." });
  return {
    operationId,
    summary: "Download a result",
    description: "The file with its content type and its name as attachment; single byte ranges are served.",
    requestParams: { ...oneTask, header: z.object({ Range: range }) },
    responses: {
      "200": { description: "The file", content: { "application/octet-stream": binary } },
      "206": { description: "The range of the file", content: { "application/octet-stream": binary } },
      ...errors("404", "409", "416"),
    },
  };
}

function eventsOperation(): ZodOpenApiOperationObject {
  return {
    operationId: "taskEvents",
    summary: "Follow a task",
    description: "Server-sent events: the task's status object at once and at each change, until it has ended.",
    requestParams: oneTask,
    responses: {
      "200": {
        description: "The stream; each event's data is",
        content: { "text/event-stream": { schema: taskStatus } },
      },
      ...errors("404"),
    },
  };
}

const errorTexts = {
  "400": "A parameter is missing or not possible",
  "404": "No such task, model or file",
  "409": "Not possible in the present state",
  "413": "The file is too large",
  "416": "The range begins behind the file's end",
} as const;

/** These errors, and those that every route may answer. */
function errors(...statuses: (keyof typeof errorTexts | undefined)[]): ZodOpenApiResponsesObject {
  const named = statuses.flatMap((status) => (status ? [[status, errorAnswer(errorTexts[status])] as const] : []));
  return {
    ...Object.fromEntries(named),
    "401": errorAnswer("The token is missing or wrong"),
    "403": errorAnswer("Foreign Host or Origin"),
    "500": errorAnswer("The engine failed"),
    "503": errorAnswer("The engine is stopping"),
  };
}

function errorAnswer(description: string) {
  return { description, content: json(errorBody) };
}

function json(schema: z.ZodType) {
  return { "application/json": { schema } };
}
