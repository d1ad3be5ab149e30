import { describe, expect, test } from "vitest";
import { EngineError } from "../../engine/index.ts";
import { createHttpApp } from "../../http/index.ts";
import { aTask, StandInEngine } from "../stand-in-engine.ts";
import { ask, caller, deferred, secret, serve } from "./serving.ts";

const id = "k3x9a2pq";
const willing = () => new StandInEngine({ get_task_status: () => aTask(), get_health: () => ({ status: "healthy" }) });

describe("on loopback", () => {
  test.each([
    ["localhost", 200],
    ["LOCALHOST:8200", 200],
    ["127.0.0.1:1", 200],
    ["[::1]:8200", 200],
    ["evil.example", 403],
    ["evil.example:8200", 403],
    ["localhost.evil.example", 403],
    ["127.0.0.1.evil.example", 403],
    ["192.168.1.5:8200", 403],
    ["0.0.0.0:8200", 403],
  ])("Host %s answers %i on every path", async (host, expected) => {
    const served = await serve(willing());
    for (const path of ["/health", `/api/status/${id}`, "/", "/docs"]) {
      const { status, body } = await ask(served, path, { headers: { Host: host } });
      expect(status).toBe(expected);
      if (expected === 403) expect(JSON.parse(body).error).toContain(host);
    }
  });

  test.each([
    ["http://localhost:8200", "localhost:8200", 200],
    ["http://127.0.0.1:8200", "127.0.0.1:8200", 200],
    ["http://[::1]:8200", "[::1]:8200", 200],
    ["http://localhost:3000", "localhost:8200", 403],
    ["https://evil.example", "localhost:8200", 403],
    ["null", "localhost:8200", 403],
    ["file://", "localhost:8200", 403],
    ["nonsense", "localhost:8200", 403],
    ["", "localhost:8200", 403],
  ])("Origin %j at Host %s answers %i", async (origin, host, expected) => {
    const served = await serve(willing());
    const { status } = await ask(served, `/api/status/${id}`, { headers: { Host: host, Origin: origin } });
    expect(status).toBe(expected);
  });

  test("a refused request reaches neither engine nor call count", async () => {
    const engine = willing();
    let calls = 0;
    const served = await serve(engine, { onCall: () => calls++ });
    await ask(served, `/api/status/${id}`, { headers: { Host: "evil.example" } });
    expect([engine.calls, calls]).toEqual([[], 0]);
  });

  test("a malformed Host is refused as JSON", async () => {
    const served = await serve(willing());
    const { status, body } = await ask(served, "/health", { headers: { Host: "local host/x" } });
    expect([status, JSON.parse(body)]).toEqual([400, { error: expect.stringContaining("malformed") }]);
  });

  test("no answer allows other origins", async () => {
    const served = await serve(willing());
    for (const method of ["GET", "OPTIONS"]) {
      const { headers } = await ask(served, `/api/status/${id}`, { method });
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
      expect(headers["x-content-type-options"]).toBe("nosniff");
    }
  });
});

describe("with a token", () => {
  const apiToken = "correct-horse";

  test.each([
    [undefined, 401],
    ["Bearer wrong", 401],
    ["Bearer correct-horse-and-more", 401],
    ["Basic correct-horse", 401],
    ["Bearer ", 401],
    ["Bearer correct-horse", 200],
    ["bearer correct-horse", 200],
  ])("Authorization %j answers %i", async (authorization, expected) => {
    const served = await serve(willing(), { apiToken, host: "0.0.0.0" });
    const headers = {
      Host: "studio.example:8200",
      ...(authorization !== undefined && { Authorization: authorization }),
    };
    const { status, headers: answered } = await ask(served, `/api/status/${id}`, { headers });
    expect([status, answered["www-authenticate"]]).toEqual([expected, expected === 401 ? "Bearer" : undefined]);
  });

  test.each([
    ["POST", "/api/process"],
    ["GET", `/api/download/${id}`],
    ["GET", `/api/tasks/${id}/events`],
    ["POST", "/mcp"],
    ["GET", "/nothing"],
  ])("%s %s needs it", async (method, path) => {
    const served = await serve(willing(), { apiToken, host: "0.0.0.0" });
    expect((await ask(served, path, { method })).status).toBe(401);
  });

  test.each(["/health", "/", "/page/page.js", "/docs", "/openapi.json"])("%s does not", async (path) => {
    const served = await serve(willing(), { apiToken, host: "0.0.0.0" });
    expect((await ask(served, path, {})).status).toBe(200);
  });

  test("foreign origins are refused all the same", async () => {
    const served = await serve(willing(), { apiToken, host: "0.0.0.0" });
    const headers = { Host: "studio.example:8200", Authorization: `Bearer ${apiToken}` };
    const own = await ask(served, `/api/status/${id}`, {
      headers: { ...headers, Origin: "http://studio.example:8200" },
    });
    const foreign = await ask(served, `/api/status/${id}`, { headers: { ...headers, Origin: "http://evil.example" } });
    expect([own.status, foreign.status]).toEqual([200, 403]);
  });
});

test.each(["0.0.0.0", "::", "192.168.1.5", "localhost.example"])("host %s without a token is refused", (host) => {
  const options = { engine: willing(), caller, version: "1", uploadDir: "/nowhere", maxUploadBytes: 1 };
  const make = () => createHttpApp({ ...options, apiToken: null, internalSecret: secret, host });
  expect(make).toThrow(/SEEDVR2_API_TOKEN is not set/);
});

describe("/internal/call", () => {
  const call = (headers: Record<string, string>, body: unknown) => ({
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const right = { "X-SeedVR2-Secret": secret };

  test.each([{}, { "X-SeedVR2-Secret": "" }, { "X-SeedVR2-Secret": `${secret}x` }])(
    "%j is refused",
    async (headers) => {
      const engine = willing();
      const served = await serve(engine);
      const input = { name: "get_task_status", input: { task_id: id } };
      const { status, body } = await ask(served, "/internal/call", call(headers, input));
      expect([status, Object.keys(JSON.parse(body))]).toEqual([403, ["error", "code"]]);
      expect(engine.calls).toEqual([]);
    },
  );

  test("the secret opens every operation, with the caller's own settings", async () => {
    const engine = new StandInEngine({ submit_image_task: () => ({ status: "queued", task_id: id }) });
    const served = await serve(engine, { apiToken: "t" });
    const own = { ...caller, outputFolder: "/elsewhere", engineSettings: { PORT: "1" } };
    const body = { name: "submit_image_task", input: { file_path: "/home/someone/a.png" }, caller: own };
    const answer = await ask(served, "/internal/call", call(right, body));
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { result: { status: "queued", task_id: id } }]);
    expect(engine.calls).toMatchObject([{ input: { file_path: "/home/someone/a.png" }, options: { caller: own } }]);
  });

  test("an error arrives whole", async () => {
    const error = new EngineError("wrong_state", { what: "A.", why: "B.", todo: "C.", facts: { task_id: id } });
    const fail = () => Promise.reject(error);
    const served = await serve(new StandInEngine({ cancel_task: fail }));
    const answer = await ask(served, "/internal/call", call(right, { name: "cancel_task", input: { task_id: id } }));
    expect([answer.status, JSON.parse(answer.body)]).toEqual([409, { error: error.toJSON() }]);
  });

  test.each([
    ["{", "not valid JSON"],
    [{ name: "format_disk", input: {} }, "name"],
    [{ name: "get_health", input: {}, more: 1 }, "more"],
    [{ name: "get_health", input: {}, caller: { outputFolder: 1 } }, "caller"],
    [{ name: "get_task_status", input: { task_id: "?" } }, "task_id"],
  ])("%j is refused", async (body, text) => {
    const served = await serve(willing());
    const answer = await ask(served, "/internal/call", call(right, body));
    expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([400, "invalid_parameter"]);
    expect(answer.body).toContain(text);
  });

  test("the engine's waiting ends when the client goes", async () => {
    const { promise: ended, resolve } = deferred<string>();
    const client = new AbortController();
    const wait = (_input: never, options?: { signal?: AbortSignal | undefined }) =>
      new Promise((_, reject) => {
        options!.signal!.addEventListener("abort", () => {
          resolve("ended");
          reject(new EngineError("cancelled", { what: "Waiting ended." }));
        });
        client.abort();
      });
    const served = await serve(new StandInEngine({ wait_for_task: wait }));
    const request = { ...call(right, { name: "wait_for_task", input: { task_id: id } }), signal: client.signal };
    await expect(fetch(`${served.url}/internal/call`, request)).rejects.toThrow();
    expect(await ended).toBe("ended");
  });
});
