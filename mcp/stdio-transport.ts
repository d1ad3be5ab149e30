import type { Readable, Writable } from "node:stream";
import { ErrorCode, JSONRPCMessageSchema } from "@modelcontextprotocol/sdk/types.js";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { EngineError } from "../engine/index.ts";

/** Characters of a line; longer ones are dropped without being kept in memory. */
const longestLine = 10_000_000;

/**
 * MCP over a pair of streams, one JSON-RPC message a line. The SDK's own transport loses what one-shot clients send
 * (`echo '{…}' | server`): a last line without newline, and answers still under way when the input ends. This one
 * takes both and closes itself once the input has ended and everything is answered, or when nobody reads any more.
 *
 * Requests get numbers of our own towards the SDK, because it ignores the cancellation of request 0 and mixes up two
 * requests of the same id.
 */
export class StdioTransport implements Transport {
  onmessage?: (message: JSONRPCMessage) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;

  readonly #input: Readable;
  readonly #output: Writable;
  readonly #decoder = new TextDecoder();
  /** Ids of unanswered requests as the client gave them, by our number. */
  readonly #open = new Map<number, RequestId>();
  #lastNumber = 0;
  #pieces: string[] = [];
  #lineLength = 0;
  #inputEnded = false;
  #closed = false;

  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
  }

  async start(): Promise<void> {
    this.#input.on("data", this.#onData).on("end", this.#onEnd).on("close", this.#onEnd).on("error", this.#onEnd);
    // Stays when all else is removed: a broken pipe may be reported long after the write.
    this.#output.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") this.onerror?.(error);
      void this.close();
    });
  }

  /** Resolves when the message is handed to the system: a process that exits earlier loses it. */
  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#closed) return;
    if ("method" in message) return this.#write(message);
    const id = this.#open.get(message.id as number);
    // No longer open: the client has cancelled it and must get no answer.
    if (id === undefined) return;
    await this.#write({ ...message, id });
    this.#open.delete(message.id as number);
    this.#closeWhenDone();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#input.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onEnd);
    this.#input.pause();
    this.onclose?.();
  }

  #write(message: JSONRPCMessage): Promise<void> {
    return new Promise((resolve) => {
      // A failed write also raises `error` on the stream, which closes the transport.
      this.#output.write(`${JSON.stringify(message)}\n`, () => resolve());
    });
  }

  readonly #onData = (chunk: Uint8Array): void => this.#read(this.#decoder.decode(chunk, { stream: true }));

  readonly #onEnd = (): void => {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.#read(this.#decoder.decode());
    this.#endLine();
    this.#closeWhenDone();
  };

  #read(text: string): void {
    const parts = text.split("\n");
    for (const [index, part] of parts.entries()) {
      if (index > 0) this.#endLine();
      this.#lineLength += part.length;
      if (this.#lineLength <= longestLine) this.#pieces.push(part);
      else this.#pieces = [];
    }
  }

  #endLine(): void {
    const line = this.#pieces.join("").trim();
    const length = this.#lineLength;
    this.#pieces = [];
    this.#lineLength = 0;
    if (length > longestLine) this.#report(`A line of ${length} characters was left out: ${longestLine} is the most.`);
    else if (line !== "") this.#receive(line);
  }

  #receive(line: string): void {
    const json = parsed(line);
    if (json === undefined)
      return this.#report(`A line on the input is no JSON: ${JSON.stringify(line.slice(0, 200))}.`);
    const checked = JSONRPCMessageSchema.safeParse(json);
    if (!checked.success) return this.#refuse(json);
    const message = this.#numbered(checked.data);
    if (message) this.onmessage?.(message);
  }

  /** The message with our number in place of the client's id; undefined for the cancellation of an unknown request. */
  #numbered(message: JSONRPCMessage): JSONRPCMessage | undefined {
    if (!("method" in message)) return message;
    if ("id" in message) return { ...message, id: this.#numberFor(message.id) };
    if (message.method !== "notifications/cancelled") return message;
    const number = [...this.#open].find(([, id]) => id === message.params?.requestId)?.[0];
    if (number === undefined) return undefined;
    this.#open.delete(number);
    return { ...message, params: { ...message.params, requestId: number } };
  }

  #numberFor(id: RequestId): number {
    this.#lastNumber += 1;
    this.#open.set(this.#lastNumber, id);
    return this.#lastNumber;
  }

  /** Answers what has an id but is no JSON-RPC message, so that the client does not wait for ever. */
  #refuse(json: unknown): void {
    const text = "This is no JSON-RPC 2.0 message as MCP has them: one object with jsonrpc, method, and id or none.";
    const { id, method } = Object(json) as { id?: unknown; method?: unknown };
    if ((typeof id !== "string" && typeof id !== "number") || method === undefined) return this.#report(text);
    const number = this.#numberFor(id);
    void this.send({ jsonrpc: "2.0", id: number, error: { code: ErrorCode.InvalidRequest, message: text } });
  }

  #report(what: string): void {
    this.onerror?.(new EngineError("invalid_parameter", { what }));
  }

  #closeWhenDone(): void {
    if (this.#inputEnded && this.#open.size === 0) void this.close();
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
