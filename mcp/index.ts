/** MCP's public face: the engine's operations as tools, over stdio and streamable HTTP. */
export { serveStdio } from "./serve-stdio.ts";
export type { ServeStdioOptions } from "./serve-stdio.ts";
export { handleMcpRequest } from "./streamable-http.ts";
export { createMcpServer } from "./server.ts";
export type { McpServerOptions } from "./server.ts";
export { tools } from "./tools.ts";
