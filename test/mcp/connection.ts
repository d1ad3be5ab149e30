import { PassThrough } from "node:stream";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { createMcpServer, serveStdio } from "../../mcp/index.ts";
import type { McpServerOptions } from "../../mcp/index.ts";
import type { Engine } from "../../engine/index.ts";

type Settings = Partial<McpServerOptions>;

const defaults = { version: "1.2.3", maxWaitSeconds: 45, fullWaitForPipes: true };

/** The SDK's own client, initialized, with the tool list read so that it checks each result by its output schema. */
export async function sdkClient(engine: Engine, settings: Settings = {}): Promise<Client> {
  const server = createMcpServer({ ...defaults, engine: async () => engine, ...settings });
  const [near, far] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: "test", version: "0" });
  await Promise.all([server.connect(far), client.connect(near)]);
  await client.listTools();
  return client;
}

export interface Pipe {
  readonly input: PassThrough;
  readonly output: PassThrough;
  /** What the server has written so far. */
  readonly messages: readonly Message[];
  /** What was told to the log. */
  readonly errors: readonly string[];
  /** The message that satisfies the condition, as soon as it is there. */
  next(condition: (message: Message) => boolean): Promise<Message>;
  readonly closed: Promise<void>;
  send(...messages: object[]): void;
}

export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
  readonly params?: Record<string, unknown>;
}

/** The server on a pair of pipes, spoken to in raw lines. */
export async function pipeTo(engine: Engine, settings: Settings = {}): Promise<Pipe> {
  const input = new PassThrough();
  const output = new PassThrough();
  const messages: Message[] = [];
  const errors: string[] = [];
  const waiting: { condition: (message: Message) => boolean; resolve: (message: Message) => void }[] = [];
  let rest = "";
  output.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const message = JSON.parse(line) as Message;
      messages.push(message);
      for (const one of waiting) if (one.condition(message)) one.resolve(message);
    }
  });
  const { promise: closed, resolve: onClose } = deferred<void>();
  const onError = (error: Error) => void errors.push(error.message);
  await serveStdio({ ...defaults, engine: async () => engine, onError, ...settings, input, output, onClose });
  return {
    input,
    output,
    messages,
    errors,
    closed,
    send: (...sent) => void input.write(sent.map((message) => `${JSON.stringify(message)}\n`).join("")),
    next: (condition) => {
      const there = messages.find(condition);
      return there ? Promise.resolve(there) : new Promise((resolve) => waiting.push({ condition, resolve }));
    },
  };
}

export function request(id: string | number, method: string, params?: object): object {
  return { jsonrpc: "2.0", id, method, ...(params && { params }) };
}

export function toolRequest(id: string | number, name: string, args: object = {}, meta?: object): object {
  return request(id, "tools/call", { name, arguments: args, ...(meta && { _meta: meta }) });
}

export function cancellation(requestId: string | number): object {
  return {
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId, reason: "the user changed his mind" },
  };
}

export function initialize(id: string | number, protocolVersion = "2025-11-25"): object {
  const clientInfo = { name: "test", version: "0" };
  return request(id, "initialize", { protocolVersion, capabilities: {}, clientInfo });
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

/** The texts of a tool result as one. */
export function textOf(result: unknown): string {
  const { content } = result as { content: { type: string; text?: string }[] };
  return content.map((part) => part.text ?? "").join("\n");
}
