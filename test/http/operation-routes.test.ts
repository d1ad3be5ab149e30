import { expect, test } from "vitest";
import { EngineError, errorCodes, operations } from "../../engine/index.ts";
import type { ErrorCode, OperationName } from "../../engine/index.ts";
import { aTask, StandInEngine } from "../stand-in-engine.ts";
import { ask, caller, errorOf, postJson, serve } from "./serving.ts";

const id = "k3x9a2pq";
const answer = { status: "healthy", marker: "as the engine said it" };

const endpoints: [OperationName, string, string, unknown, unknown][] = [
  ["get_health", "GET", "/health", undefined, {}],
  ["get_gpu_status", "GET", "/api/gpu/status", undefined, {}],
  ["release_gpu_memory", "POST", "/api/gpu/offload", undefined, {}],
  ["list_available_models", "GET", "/api/models", undefined, {}],
  ["switch_model", "POST", "/api/models/switch", { model: "3b_fp8" }, { model: "3b_fp8", download: false }],
  ["download_model", "POST", "/api/models/download", { model: "3b_fp8" }, { model: "3b_fp8", cancel: false }],
  ["plan", "POST", "/api/plan", { file_path: "/home/someone/a.png" }, { file_path: "/home/someone/a.png" }],
  ["clean_model_cache", "POST", "/api/models/clean", {}, {}],
  ["get_queue_status", "GET", "/api/queue/status", undefined, {}],
  ["get_task_position", "GET", `/api/queue/position/${id}`, undefined, { task_id: id }],
  ["get_queue_history", "GET", "/api/queue/history", undefined, { limit: 20, status: "completed" }],
  ["get_queue_history", "GET", "/api/queue/history?limit=7&status=all", undefined, { limit: 7, status: "all" }],
  ["get_task_status", "GET", `/api/status/${id}`, undefined, { task_id: id }],
  ["cancel_task", "POST", `/api/tasks/${id}/cancel`, undefined, { task_id: id }],
  ["retry_task", "POST", `/api/tasks/${id}/retry`, {}, { task_id: id }],
];

test.each(endpoints)("%s is %s %s", async (name, method, path, body, input) => {
  const engine = new StandInEngine({ [name]: () => ({ ...answer, status: "loaded" }) });
  const served = await serve(engine);
  const response = await fetch(served.url + path, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect(await response.json()).toEqual({ ...answer, status: "loaded" });
  expect(response.status).toBe(200);
  expect(engine.calls).toMatchObject([{ name, input, options: { caller } }]);
});

test("every operation with a route was tried above", () => {
  const routed = Object.entries(operations).flatMap(([name, operation]) => ("route" in operation ? [name] : []));
  expect(new Set(endpoints.map(([name]) => name))).toEqual(new Set(routed));
});

test.each([
  ["loaded", 200],
  ["loading", 202],
  ["downloading", 202],
  ["scheduled", 202],
])("switching a model that is %s answers %i", async (status, expected) => {
  const served = await serve(new StandInEngine({ switch_model: () => ({ status, model: "m" }) }));
  const response = await postJson(`${served.url}/api/models/switch`, { model: "m" });
  expect([response.status, await response.json()]).toEqual([expected, { status, model: "m" }]);
});

test.each([
  ["GET", "/api/queue/history?limit=0", undefined, "limit 0 is not possible: whole number 1–1000."],
  ["GET", "/api/queue/history?limit=abc", undefined, 'limit "abc" is not possible: whole number 1–1000.'],
  ["GET", "/api/queue/history?limit=1&limit=2", undefined, 'Parameter "limit" was given more than once.'],
  ["GET", "/api/queue/history?limits=3", undefined, "Did you mean limit?"],
  ["GET", `/api/status/${id}?task_id=aaaaaaaa`, undefined, 'There is no parameter "task_id".'],
  ["POST", "/api/models/switch", "{}", "Parameter model is missing"],
  ["POST", "/api/models/switch", '{"model":', "The body is not valid JSON."],
  ["POST", "/api/models/switch", '["3b_fp8"]', "must be one JSON object"],
  ["POST", "/api/models/switch", '{"model":"m","download":"yes"}', 'download "yes" is not possible: true or false.'],
  ["POST", "/api/models/switch?model=m", "{}", 'Parameter "model" stands in the query.'],
  ["POST", "/api/gpu/offload", '{"force":true}', 'There is no parameter "force".'],
  ["POST", `/api/tasks/${id}/cancel`, '{"task_id":"aaaaaaaa"}', 'There is no parameter "task_id".'],
])("%s %s with body %s is refused", async (method, path, body, text) => {
  const engine = new StandInEngine({});
  const served = await serve(engine);
  const response = await fetch(served.url + path, { method, ...(body !== undefined && { body }) });
  expect(await errorOf(response)).toContain(text);
  expect(response.status).toBe(400);
  expect(engine.calls).toEqual([]);
});

test.each(["abc", "K3X9A2PQ", "k3x9a2pqx", "..%2F..%2Fetc", "%00"])("task id %s names no task", async (bad) => {
  const served = await serve(new StandInEngine({}));
  const paths = [
    `/api/status/${bad}`,
    `/api/queue/position/${bad}`,
    `/api/download/${bad}`,
    `/api/tasks/${bad}/events`,
  ];
  for (const path of paths) {
    const response = await fetch(served.url + path);
    expect(await errorOf(response)).toContain("There is no task");
    expect(response.status).toBe(404);
  }
});

const expectedStatus: Partial<Record<ErrorCode, number>> = {
  invalid_parameter: 400,
  unreadable_media: 400,
  path_not_allowed: 400,
  not_runnable: 400,
  does_not_fit: 400,
  token_missing: 401,
  host_not_allowed: 403,
  not_found: 404,
  not_installed: 404,
  wrong_state: 409,
  too_large: 413,
  stopping: 503,
};

test.each(errorCodes.map((code) => [code, expectedStatus[code] ?? 500] as const))(
  "%s answers %i",
  async (code, status) => {
    const parts = { what: "It went wrong.", todo: "Do something." };
    const fail = () => {
      throw new EngineError(code, parts);
    };
    const served = await serve(new StandInEngine({ get_task_status: fail, switch_model: fail }));
    const response = await fetch(`${served.url}/api/status/${id}`);
    expect(await response.json()).toEqual({ error: "It went wrong. Do something.", code });
    expect(response.status).toBe(status);
    const switched = await postJson(`${served.url}/api/models/switch`, { model: "m" });
    expect(switched.status).toBe(code === "not_runnable" ? 409 : status);
  },
);

test("a mistake of our own is answered as such and told to the log", async () => {
  const failures: unknown[] = [];
  const mistake = new TypeError("x is not a function");
  const fail = () => Promise.reject(mistake);
  const served = await serve(new StandInEngine({ get_queue_status: fail }), { onFailure: (e) => failures.push(e) });
  const response = await fetch(`${served.url}/api/queue/status`);
  expect([response.status, await errorOf(response)]).toEqual([500, expect.stringContaining("x is not a function")]);
  expect(failures).toEqual([mistake]);
});

test.each([
  ["DELETE", "/api/models", "GET, HEAD"],
  ["POST", `/api/status/${id}`, "GET, HEAD"],
  ["GET", "/api/process", "POST"],
  ["PUT", "/api/models/switch", "POST"],
  ["OPTIONS", "/api/process", "POST"],
])("%s %s is not possible and says what is", async (method, path, allow) => {
  const served = await serve(new StandInEngine({}));
  const { status, headers, body } = await ask(served, path, { method });
  expect([status, headers.allow]).toEqual([405, allow]);
  expect(JSON.parse(body)).toEqual({ error: expect.stringContaining(method) });
});

test.each(["/nothing", "/api", "/api/process/x", "/mcp", "/page/../app.ts", "/page/%2e%2e/app.ts", "/docs/index.html"])(
  "%s is nothing",
  async (path) => {
    const served = await serve(new StandInEngine({}));
    const { status, body } = await ask(served, path);
    expect([status, JSON.parse(body)]).toEqual([
      404,
      { error: expect.stringContaining("nothing at"), code: "not_found" },
    ]);
  },
);

test("a JSON body over 4 MB is refused", async () => {
  const served = await serve(new StandInEngine({}));
  const response = await postJson(`${served.url}/api/models/switch`, { model: "m".repeat(5_000_000) });
  expect([response.status, await errorOf(response)]).toEqual([413, expect.stringContaining("4 MB")]);
});

test("each request is told except /health", async () => {
  let calls = 0;
  const engine = new StandInEngine({ get_health: () => answer, get_task_status: () => aTask() });
  const served = await serve(engine, { onCall: () => calls++ });
  await fetch(`${served.url}/health`);
  expect(calls).toBe(0);
  await fetch(`${served.url}/api/status/${id}`);
  expect(calls).toBe(1);
});

test("/mcp is answered by the handler given, with the request as it came", async () => {
  const mcp = async (request: Request) => Response.json({ method: request.method, body: await request.json() });
  const served = await serve(new StandInEngine({}), { mcp });
  const response = await postJson(`${served.url}/mcp`, { jsonrpc: "2.0" });
  expect(await response.json()).toEqual({ method: "POST", body: { jsonrpc: "2.0" } });
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
});
