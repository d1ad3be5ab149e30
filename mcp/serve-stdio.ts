import type { Readable, Writable } from "node:stream";
import { createMcpServer } from "./server.ts";
import type { McpServerOptions } from "./server.ts";
import { StdioTransport } from "./stdio-transport.ts";

/** A server's options and the streams it speaks over. */
export interface ServeStdioOptions extends Omit<McpServerOptions, "fullWaitForPipes"> {
  readonly input: Readable;
  /** Gets protocol messages only; nothing else may write to it. */
  readonly output: Writable;
  /** Called once, when the input has ended and all is answered, when nobody reads any more, or after `close`. */
  readonly onClose: () => void;
}

/** Serves one client over a pair of streams, also one that sends its only request without `initialize`. */
export async function serveStdio(options: ServeStdioOptions): Promise<{ close(): Promise<void> }> {
  const { input, output, onClose, ...rest } = options;
  const server = createMcpServer({ ...rest, fullWaitForPipes: true });
  server.onclose = onClose;
  await server.connect(new StdioTransport(input, output));
  return { close: () => server.close() };
}
