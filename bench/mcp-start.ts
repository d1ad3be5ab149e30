/**
 * From the start of an MCP server to its answer to tools/list, beside a Node that does nothing.
 * `npx tsx bench/mcp-start.ts [--runs 15]`
 */
import assert from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { median, numberOptions, report, timed } from "./figures.ts";
import { OwnEngine, entry } from "./own-engine.ts";

/** What a host sends, at once. */
const handshake = [
  {
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "bench", version: "1" } },
  },
  { method: "notifications/initialized" },
  { id: 2, method: "tools/list" },
];

/** Milliseconds until the list is here; the server is waited for, so that none runs beside the next one. */
async function toolsListed(engine: OwnEngine): Promise<number> {
  let ended: Promise<unknown> = Promise.resolve();
  const milliseconds = await timed(async () => {
    const server = spawn(process.execPath, [entry, "mcp"], {
      env: engine.environment,
      stdio: ["pipe", "pipe", "ignore"],
    });
    ended = once(server, "close");
    for (const message of handshake) server.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    await listIn(createInterface(server.stdout));
    server.stdin.end();
  });
  await ended;
  return milliseconds;
}

/** Reads lines up to the one with the tools. */
async function listIn(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    const { id, result } = JSON.parse(line) as { id?: number; result?: { tools: unknown[] } };
    if (id === 2 && result?.tools.length) return;
  }
  assert.fail("the server ended without an answer to tools/list");
}

/** Milliseconds from start to end. */
function nothingDone(): Promise<number> {
  return timed(() => once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "close"));
}

const { runs } = numberOptions({ runs: 15 });
const engine = await OwnEngine.make();
try {
  const [lists, nothings]: [number[], number[]] = [[], []];
  for (let run = 0; run < runs; run++) {
    nothings.push(await nothingDone());
    lists.push(await toolsListed(engine));
  }
  const [list, nothing] = [median(lists), median(nothings)];
  report(
    [`median of ${runs}, interleaved`, "ms"],
    [
      ["node -e 0", nothing.toFixed(0)],
      ["seedvr2 mcp to tools/list", list.toFixed(0)],
      ["difference", (list - nothing).toFixed(0)],
      ["ratio", (list / nothing).toFixed(2)],
    ],
  );
} finally {
  await engine.end();
}
