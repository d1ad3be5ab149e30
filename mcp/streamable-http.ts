import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { createMcpServer } from "./server.ts";
import type { McpServerOptions } from "./server.ts";

/** Milliseconds between comment lines on a stream, so that proxies keep it open. */
const keepAliveMs = 15_000;

/**
 * Answers one request to the MCP endpoint (streamable HTTP). Stateless: our state is the task id, so each request has
 * a server of its own; the streams and sessions that GET and DELETE are for do not exist. Host, Origin and token are
 * checked by the caller, for REST and MCP alike.
 */
export async function handleMcpRequest(
  request: Request,
  options: Omit<McpServerOptions, "fullWaitForPipes">,
): Promise<Response> {
  if (request.method !== "POST") return methodNotAllowed();
  const transport = new WebStandardStreamableHTTPServerTransport({ keepAliveMs });
  const server = createMcpServer({ ...options, fullWaitForPipes: false });
  await server.connect(transport);
  // Nobody could fetch the answer later: without a session a lost connection ends the waiting (never the task).
  request.signal.addEventListener("abort", () => void server.close(), { once: true });
  const response = await transport.handleRequest(request);
  response.headers.set("X-Accel-Buffering", "no");
  return response;
}

function methodNotAllowed(): Response {
  const message = "Send requests to this endpoint with POST; it has no sessions and no stream to open.";
  return Response.json(
    { jsonrpc: "2.0", error: { code: -32000, message }, id: null },
    { status: 405, headers: { Allow: "POST" } },
  );
}
