import { programEntry } from "../installation.ts";
import { printLine } from "../failure.ts";

/** MCP hosts and where they keep their servers. */
export const hosts = {
  claude: "claude_desktop_config.json (Claude Desktop: Settings, Developer, Edit Config), then restart it",
  cursor: "~/.cursor/mcp.json, or .cursor/mcp.json in a project",
} as const;
export type HostName = keyof typeof hosts;

/**
 * The block for a host's settings. With full paths: hosts started from a desktop know no shell profile, and npx would
 * add a process and a look at the registry.
 */
function hostBlock(): { mcpServers: { seedvr2: { command: string; args: string[] } } } {
  return { mcpServers: { seedvr2: { command: process.execPath, args: [programEntry(), "mcp"] } } };
}

/** Prints the block; where it belongs goes to stderr, so that stdout can be a file. */
export function printHostBlock(host: HostName): number {
  process.stderr.write(`Merge this into ${hosts[host]}:\n`);
  printLine(JSON.stringify(hostBlock(), null, 2));
  return 0;
}
