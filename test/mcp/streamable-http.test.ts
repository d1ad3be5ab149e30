import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, test } from "vitest";
import { handleMcpRequest, tools } from "../../mcp/index.ts";
import { StandInEngine, aTask } from "../stand-in-engine.ts";
import { deferred, initialize, request, toolRequest } from "./connection.ts";
import type { Message } from "./connection.ts";
import { completed, emptyQueue } from "./examples.ts";

const url = "http://127.0.0.1:8200/mcp";

function optionsFor(engine: StandInEngine) {
  return { engine: async () => engine, version: "1.2.3", maxWaitSeconds: 45 };
}

function post(body: object | string, headers: Record<string, string> = {}, signal?: AbortSignal): Request {
  return new Request(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });
}

async function messagesOf(response: Response): Promise<Message[]> {
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
  return lines.map((line) => JSON.parse(line.slice(6)) as Message);
}

describe("one request", () => {
  test.each([
    ["initialize", initialize(1), { serverInfo: { name: "seedvr2" } }],
    ["tools/list without initialize", request(1, "tools/list"), { tools: tools.map(({ name }) => ({ name })) }],
    ["a call without initialize", toolRequest(1, "get_queue_status"), { structuredContent: emptyQueue }],
  ])("is answered: %s", async (_, body, result) => {
    const engine = new StandInEngine({ get_queue_status: () => emptyQueue });
    const response = await handleMcpRequest(post(body), optionsFor(engine));
    expect(response.status).toBe(200);
    expect(response.headers.get("X-Accel-Buffering")).toBe("no");
    expect(await messagesOf(response)).toMatchObject([{ id: 1, result }]);
  });

  test("that is a notification is taken", async () => {
    const body = { jsonrpc: "2.0", method: "notifications/initialized" };
    expect((await handleMcpRequest(post(body), optionsFor(new StandInEngine({})))).status).toBe(202);
  });

  test.each([
    ["an unknown protocol version", post(request(1, "tools/list"), { "MCP-Protocol-Version": "2099-01-01" }), 400],
    ["no JSON", post("{"), 400],
    ["another content type", post(request(1, "tools/list"), { "Content-Type": "text/plain" }), 415],
    ["an Accept without event streams", post(request(1, "tools/list"), { Accept: "application/json" }), 406],
    ["GET", new Request(url), 405],
    ["DELETE", new Request(url, { method: "DELETE" }), 405],
  ])("is refused: %s", async (_, refused, status) => {
    const response = await handleMcpRequest(refused, optionsFor(new StandInEngine({})));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ jsonrpc: "2.0", error: { message: expect.any(String) as unknown } });
    if (status === 405) expect(response.headers.get("Allow")).toBe("POST");
  });
});

test("progress comes before the answer on the same stream", async () => {
  const engine = new StandInEngine({
    wait_for_task: (_, options) => {
      options?.onStatus?.(aTask());
      return completed;
    },
  });
  const body = toolRequest(1, "wait_for_task", { task_id: "k3x9a2pq" }, { progressToken: 0 });
  const messages = await messagesOf(await handleMcpRequest(post(body), optionsFor(engine)));
  expect(messages).toMatchObject([
    { method: "notifications/progress", params: { progressToken: 0, progress: 42 } },
    { id: 1, result: { structuredContent: { status: "completed" } } },
  ]);
});

test("waiting is bounded although nobody initialized", async () => {
  const engine = new StandInEngine({ wait_for_task: () => aTask({ timed_out: true }) });
  const body = toolRequest(1, "wait_for_task", { task_id: "k3x9a2pq", timeout: 600 });
  await messagesOf(await handleMcpRequest(post(body), optionsFor(engine)));
  expect(Math.ceil((engine.calls[0]?.input as { timeout: number }).timeout)).toBe(45);
});

test("a lost connection ends the waiting", async () => {
  const connection = new AbortController();
  const called = deferred<AbortSignal | undefined>();
  const aborted = deferred<void>();
  const engine = new StandInEngine({
    wait_for_task: (_, options) => {
      called.resolve(options?.signal);
      return new Promise(() => options?.signal?.addEventListener("abort", () => aborted.resolve()));
    },
  });
  const body = toolRequest(1, "wait_for_task", { task_id: "k3x9a2pq" });
  await handleMcpRequest(post(body, {}, connection.signal), optionsFor(engine));
  expect((await called.promise)?.aborted).toBe(false);
  connection.abort();
  await aborted.promise;
});

test("the SDK's client gets along with it, several calls at once", async () => {
  const engine = new StandInEngine({ get_queue_status: () => emptyQueue });
  const fetch = (target: string | URL, init?: RequestInit) =>
    handleMcpRequest(new Request(target, init as never), optionsFor(engine));
  const client = new Client({ name: "test", version: "0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch }) as never);
  await client.listTools();
  const calls = Array.from({ length: 10 }, () => client.callTool({ name: "get_queue_status", arguments: {} }));
  for (const { structuredContent } of await Promise.all(calls)) expect(structuredContent).toMatchObject(emptyQueue);
  await client.close();
});
