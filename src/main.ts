import { Console } from "node:console";

// First of all: stdout is for results and protocol alone, whatever a package prints.
globalThis.console = new Console(process.stderr);

const given = process.argv.slice(2);
const isHostStart = given[0] === "mcp" ? given.length === 1 : given.length === 0 && !process.stdin.isTTY;

// Hosts start a server often and wait for it, so that this start loads no command line.
process.exitCode = isHostStart
  ? await (await import("./commands/mcp.ts")).startMcp()
  : await (await import("./program.ts")).runProgram(given);
