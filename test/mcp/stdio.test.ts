import { Writable } from "node:stream";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ReadBuffer, serializeMessage } from "@modelcontextprotocol/sdk/shared/stdio.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { describe, expect, test } from "vitest";
import { serveStdio } from "../../mcp/index.ts";
import { StandInEngine } from "../stand-in-engine.ts";
import { cancellation, deferred, initialize, pipeTo, request, toolRequest } from "./connection.ts";
import type { Message, Pipe } from "./connection.ts";
import { busyQueue, emptyQueue } from "./examples.ts";

const idle = () => new StandInEngine({ get_queue_status: () => emptyQueue });
const isAnswerTo = (id: unknown) => (message: Message) => message.id === id && message.method === undefined;

describe("a script that sends one request down a pipe, without initialize", () => {
  test.each([
    ["tools/list with a newline", request(1, "tools/list"), "\n"],
    ["tools/list without one", request(1, "tools/list"), ""],
    ["a call with a Windows newline", toolRequest(1, "get_queue_status"), "\r\n"],
    ["a call without a newline", toolRequest(1, "get_queue_status"), ""],
    ["a call without arguments", request(1, "tools/call", { name: "get_queue_status" }), ""],
  ])("is answered and the server closes: %s", async (_, message, lineEnd) => {
    const pipe = await pipeTo(idle());
    pipe.input.end(JSON.stringify(message) + lineEnd);
    await pipe.closed;
    expect(pipe.messages).toHaveLength(1);
    expect(pipe.messages[0]).toMatchObject({ id: 1, result: {} });
  });

  test("is answered when the call ends long after the input did", async () => {
    const called = deferred<void>();
    const answer = deferred<typeof emptyQueue>();
    const engine = new StandInEngine({
      get_queue_status: () => {
        called.resolve();
        return answer.promise;
      },
    });
    const pipe = await pipeTo(engine);
    pipe.input.end(JSON.stringify(toolRequest("one", "get_queue_status")));
    await called.promise;
    expect(pipe.messages).toHaveLength(0);
    answer.resolve(busyQueue as never);
    await pipe.closed;
    expect(pipe.messages[0]).toMatchObject({ id: "one", result: { structuredContent: busyQueue } });
  });

  test("closes at once when nothing was asked", async () => {
    const pipe = await pipeTo(idle());
    pipe.input.end("\n");
    await pipe.closed;
    expect(pipe.messages).toHaveLength(0);
  });
});

test("characters split over chunks arrive whole", async () => {
  const engine = new StandInEngine({ submit_image_task: () => ({}) });
  const pipe = await pipeTo(engine);
  const line = Buffer.from(JSON.stringify(toolRequest(1, "submit_image_task", { file_path: "/Bücher/猫.png" })));
  for (const byte of line) pipe.input.write(Uint8Array.of(byte));
  pipe.input.end();
  await pipe.closed;
  expect(engine.calls[0]?.input).toMatchObject({ file_path: "/Bücher/猫.png" });
});

test("fifty calls at once are each answered once", async () => {
  const pipe = await pipeTo(idle());
  const ids = Array.from({ length: 50 }, (_, index) => index);
  pipe.send(initialize("start"), ...ids.map((id) => toolRequest(id, "get_queue_status")));
  pipe.input.end();
  await pipe.closed;
  const answered = pipe.messages.filter(({ id }) => id !== "start").map(({ id }) => id);
  expect(answered.toSorted((a, b) => Number(a) - Number(b))).toEqual(ids);
});

describe("versions", () => {
  test.each(["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])("speaks %s", async (version) => {
    const pipe = await pipeTo(idle());
    pipe.send(initialize(1, version));
    const { result } = await pipe.next(isAnswerTo(1));
    expect(result).toMatchObject({ protocolVersion: version, serverInfo: { name: "seedvr2", version: "1.2.3" } });
  });

  test("offers its newest for an unknown one", async () => {
    const pipe = await pipeTo(idle());
    pipe.send(initialize(1, "2099-01-01"));
    expect((await pipe.next(isAnswerTo(1))).result).toMatchObject({ protocolVersion: "2025-11-25" });
  });

  test("tells clients of the next era at once that it is not of it", async () => {
    const pipe = await pipeTo(idle());
    pipe.send(request(0, "server/discover", { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } }));
    expect((await pipe.next(isAnswerTo(0))).error?.code).toBe(-32601);
    pipe.send(initialize(1));
    expect((await pipe.next(isAnswerTo(1))).result).toBeDefined();
  });
});

describe("what is no message", () => {
  test.each([
    ["no JSON", '{"jsonrpc": "2.0", "id"', "is no JSON"],
    ["a batch", "[]", "no JSON-RPC 2.0 message"],
    ["a bare value", "null", "no JSON-RPC 2.0 message"],
    ["a line over the limit", `"${"x".repeat(10_000_001)}"`, "was left out"],
  ])("is told to the log and nothing else happens: %s", async (_, line, says) => {
    const pipe = await pipeTo(idle());
    pipe.input.write(`${line}\n`);
    pipe.send(toolRequest(1, "get_queue_status"));
    await pipe.next(isAnswerTo(1));
    expect(pipe.messages).toHaveLength(1);
    expect(pipe.errors).toEqual([expect.stringContaining(says)]);
  });

  test("is answered when it has an id to answer", async () => {
    const pipe = await pipeTo(idle());
    pipe.input.end('{"id":7,"method":"tools/list"}');
    await pipe.closed;
    expect(pipe.messages).toEqual([
      { jsonrpc: "2.0", id: 7, error: { code: -32600, message: expect.stringContaining("jsonrpc") as unknown } },
    ]);
  });
});

describe("cancelling", () => {
  /** A server whose wait_for_task ends only by being cancelled, with the call under way. */
  async function waiting(id: string | number): Promise<{ pipe: Pipe; aborted: Promise<void> }> {
    const aborted = deferred<void>();
    const called = deferred<void>();
    const engine = new StandInEngine({
      get_queue_status: () => emptyQueue,
      wait_for_task: (_, options) => {
        called.resolve();
        return new Promise((_resolve, reject) => {
          options?.signal?.addEventListener("abort", () => {
            aborted.resolve();
            reject(new Error("cancelled"));
          });
        });
      },
    });
    const pipe = await pipeTo(engine);
    pipe.send(toolRequest(id, "wait_for_task", { task_id: "k3x9a2pq" }));
    await called.promise;
    return { pipe, aborted: aborted.promise };
  }

  test.each([0, 1, "", "a"])("request %j ends the waiting and gets no answer", async (id) => {
    const { pipe, aborted } = await waiting(id);
    pipe.send(cancellation(id));
    await aborted;
    pipe.send(toolRequest("after", "get_queue_status"));
    pipe.input.end();
    await pipe.closed;
    expect(pipe.messages.map((message) => message.id)).toEqual(["after"]);
  });

  test("an unknown request changes nothing", async () => {
    const { pipe, aborted } = await waiting(1);
    pipe.send(cancellation("1"), cancellation(99), toolRequest(2, "get_queue_status"));
    await pipe.next(isAnswerTo(2));
    pipe.send(cancellation(1));
    await aborted;
  });
});

describe("when the host is gone", () => {
  test.each(["EPIPE", "EIO"])("a write that fails with %s closes the server and ends waiting calls", async (code) => {
    const aborted = deferred<void>();
    const closed = deferred<void>();
    const engine = new StandInEngine({
      get_queue_status: () => emptyQueue,
      wait_for_task: (_, options) =>
        new Promise(() => options?.signal?.addEventListener("abort", () => aborted.resolve())),
    });
    const { input } = await pipeTo(engine);
    const broken = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("broken"), { code })),
    });
    const errors: string[] = [];
    const options = { engine: async () => engine, version: "0", maxWaitSeconds: 45, input, output: broken };
    await serveStdio({
      ...options,
      onClose: () => closed.resolve(),
      onError: ({ message }) => void errors.push(message),
    });
    input.write(`${JSON.stringify(toolRequest(1, "wait_for_task", { task_id: "k3x9a2pq" }))}\n`);
    input.write(`${JSON.stringify(toolRequest(2, "get_queue_status"))}\n`);
    await Promise.all([closed.promise, aborted.promise]);
    expect(errors).toEqual(code === "EPIPE" ? [] : ["broken"]);
  });

  test("close ends waiting calls", async () => {
    const aborted = deferred<void>();
    const engine = new StandInEngine({
      wait_for_task: (_, options) =>
        new Promise(() => options?.signal?.addEventListener("abort", () => aborted.resolve())),
    });
    const pipe = await pipeTo(engine);
    pipe.send(toolRequest(1, "wait_for_task", { task_id: "k3x9a2pq" }));
    pipe.input.destroy();
    pipe.output.destroy(Object.assign(new Error("broken"), { code: "EPIPE" }));
    await Promise.all([pipe.closed, aborted.promise]);
  });
});

test("the SDK's client gets along with it", async () => {
  const pipe = await pipeTo(idle());
  const buffer = new ReadBuffer();
  const transport: Transport = {
    start: async () => {
      pipe.output.on("data", (chunk: Buffer) => {
        buffer.append(chunk);
        for (let message = buffer.readMessage(); message; message = buffer.readMessage())
          transport.onmessage?.(message);
      });
    },
    send: async (message) => void pipe.input.write(serializeMessage(message)),
    close: async () => void pipe.input.end(),
  };
  const client = new Client({ name: "test", version: "0" });
  await client.connect(transport);
  await client.listTools();
  const { structuredContent } = await client.callTool({ name: "get_queue_status", arguments: {} });
  expect(structuredContent).toMatchObject(emptyQueue);
  await client.close();
  await pipe.closed;
});
