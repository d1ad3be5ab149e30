import assert from "node:assert";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { EngineError } from "../engine/index.ts";
import type { HttpApp } from "./options.ts";

/** A server that accepts connections. */
export interface Listening {
  /** The port listened on; what was asked for, or the free one found for 0. */
  readonly port: number;
  /** Takes no new requests, gives running ones half a second, then ends them. */
  close(): Promise<void>;
}

const graceMs = 500;

/**
 * Serves the app on an address; port 0 takes a free one. Rejects with `engine_unreachable` when the port is taken,
 * saying who holds it if it is an engine, or when the address is not this machine's.
 */
export async function listen(app: HttpApp, address: { host: string; port: number }): Promise<Listening> {
  // Node's time limit for a whole request would end slow uploads; the upload watches for stalls itself.
  const server = createServer({ requestTimeout: 0 }, getRequestListener(app.fetch, { errorHandler: answerUnreadable }));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(address.port, address.host, resolve);
    });
  } catch (error) {
    throw await notListening(error as NodeJS.ErrnoException, address);
  }
  const bound = server.address();
  assert(bound && typeof bound === "object");
  return { port: bound.port, close: () => close(server) };
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const grace = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(grace);
}

/** A request that is not even understood, e.g. for its Host header or address. */
function answerUnreadable(): Response {
  return Response.json({ error: "The request's address or Host header is malformed." }, { status: 400 });
}

async function notListening(
  error: NodeJS.ErrnoException,
  { host, port }: { host: string; port: number },
): Promise<EngineError> {
  if (error.code !== "EADDRINUSE") {
    return new EngineError("engine_unreachable", {
      what: `Cannot listen on ${host}, port ${port}: ${error.message}.`,
      todo: "Check HOST and PORT; ports under 1024 need special rights.",
      facts: { host, port },
      cause: error,
    });
  }
  return new EngineError("engine_unreachable", {
    what: `Port ${port} on ${host} is taken.`,
    why: await holder(host, port),
    todo: "End that program, or choose another PORT.",
    facts: { host, port },
    cause: error,
  });
}

/** Who holds a port, as far as asking it tells. */
async function holder(host: string, port: number): Promise<string> {
  const asked = { "0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]" }[host] ?? host;
  try {
    const response = await fetch(`http://${asked}:${port}/health`, { signal: AbortSignal.timeout(1000) });
    const health = (await response.json()) as { queue_enabled?: unknown; version?: unknown };
    if (health.queue_enabled === true) return `An engine of version ${String(health.version)} already listens there.`;
  } catch {
    // Whoever it is does not speak like an engine.
  }
  return "Another program listens there.";
}
