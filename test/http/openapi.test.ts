import { expect, test } from "vitest";
import { operations } from "../../engine/index.ts";
import { openApiDocument } from "../../http/index.ts";
import { StandInEngine } from "../stand-in-engine.ts";
import { ask, serve } from "./serving.ts";

interface Described {
  operationId: string;
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { content: Record<string, { schema: { properties: Record<string, object>; required?: string[] } }> };
  responses: Record<string, { content?: Record<string, unknown> }>;
}

const document = openApiDocument("1.2.3");
const paths = document.paths as unknown as Record<string, Record<string, Described>>;
const described = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test("the routes are these", () => {
  expect(described.map(({ path, method }) => `${method.toUpperCase()} ${path}`).sort()).toEqual([
    "GET /api/download/{task_id}",
    "GET /api/gpu/status",
    "GET /api/models",
    "GET /api/queue/history",
    "GET /api/queue/position/{task_id}",
    "GET /api/queue/status",
    "GET /api/status/{task_id}",
    "GET /api/tasks/{task_id}/events",
    "GET /health",
    "HEAD /api/download/{task_id}",
    "POST /api/gpu/offload",
    "POST /api/models/clean",
    "POST /api/models/download",
    "POST /api/models/switch",
    "POST /api/plan",
    "POST /api/process",
    "POST /api/tasks/{task_id}/cancel",
    "POST /api/tasks/{task_id}/retry",
  ]);
});

test("every operation with a route is in it under its name", () => {
  for (const [name, operation] of Object.entries(operations)) {
    if (!("route" in operation)) continue;
    expect(paths[operation.route.path]?.[operation.route.method]).toMatchObject({
      operationId: name,
      summary: operation.title,
    });
  }
});

test("every described route is served", async () => {
  const served = await serve(new StandInEngine({}));
  for (const { path, method } of described) {
    const { status } = await ask(served, path.replace("{task_id}", "k3x9a2pq"), { method: method.toUpperCase() });
    expect([path, status === 405 || status === 404]).toEqual([path, false]);
  }
});

test("every path parameter is described as required", () => {
  for (const { path, operation } of described) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
    expect(inPath.map(({ name, required }) => [name, required])).toEqual(named.map((name) => [name, true]));
  }
});

test("every route names its errors in one form", () => {
  for (const { operation } of described) {
    for (const [status, response] of Object.entries(operation.responses)) {
      if (Number(status) < 400) continue;
      expect(response.content).toEqual({ "application/json": { schema: { $ref: "#/components/schemas/Error" } } });
    }
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(["200", "401", "403", "500", "503"]));
  }
});

test("the upload takes the contract's fields and no paths", () => {
  const { properties, required } = paths["/api/process"]!.post!.requestBody!.content["multipart/form-data"]!.schema;
  expect(Object.keys(properties)).toEqual(
    expect.arrayContaining([
      "file",
      "resolution",
      "batch_size",
      "dit_model",
      "color_correction",
      "seed",
      "vae_tiling",
      "vae_quality",
      "idempotency_key",
    ]),
  );
  expect(Object.keys(properties)).not.toContain("file_path");
  expect(Object.keys(properties)).not.toContain("output_path");
  expect(required).toEqual(["file"]);
  expect(properties.batch_size).toMatchObject({ type: "integer", default: 5, minimum: 1, maximum: 1001 });
  expect(properties.resolution).toMatchObject({ type: "integer", minimum: 16, maximum: 16384 });
});

test("history's query is described with its limits", () => {
  const { parameters } = paths["/api/queue/history"]!.get!;
  expect(parameters!.map(({ name, in: where, schema }) => [name, where, schema])).toMatchObject([
    ["limit", "query", { minimum: 1, maximum: 1000, default: 20 }],
    ["status", "query", { enum: ["completed", "failed", "cancelled", "all"] }],
  ]);
});

test("every reference leads somewhere", () => {
  const text = JSON.stringify(document);
  const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1]!);
  expect(new Set(references)).toEqual(new Set(Object.keys(document.components?.schemas ?? {})));
});

test("it is served as JSON with the version", async () => {
  const served = await serve(new StandInEngine({}));
  const response = await fetch(`${served.url}/openapi.json`);
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(document)));
  expect(document).toMatchObject({ openapi: "3.1.0", info: { version: "1.2.3" } });
});
