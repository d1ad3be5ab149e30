import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EngineError } from "../errors.ts";
import type { EngineFile } from "../owner/engine-file.ts";
import { readEngineFile } from "../owner/engine-file.ts";
import { StartMarker } from "../owner/start-marker.ts";
import type { Locator } from "./remote-engine.ts";

/** The command that starts an engine: `node seedvr2.js serve --idle-exit`. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
}

/** What the processes of one product must agree on. */
export interface Expected {
  readonly version: string;
  readonly protocol: number;
}

/** How long a new engine may take until it answers, and how often we look. Milliseconds. */
const START_LIMIT = 20_000;
const LOOK_EVERY = 50;
/** An engine that does not say its health in this time is taken for dead. Milliseconds. */
const HEALTH_LIMIT = 3000;

/** Finds the engine of a state folder and starts one where none answers. */
export function localLocator(stateDir: string, launch: Launch, expected: Expected): Locator {
  let known: EngineFile | null = null;
  let searching: Promise<EngineFile> | null = null;
  const search = async () => {
    const running = await answering(stateDir);
    if (running && isNewer(expected, running)) await askToStop(running);
    else if (running) return compatible(running, expected);
    return compatible(await start(stateDir, launch), expected);
  };
  return {
    locate: async () => {
      if (known) return known;
      searching ??= search().finally(() => (searching = null));
      known = await searching;
      return known;
    },
    gone: (engine) => {
      if (known === engine) known = null;
    },
  };
}

/** The engine that the state folder's file names, if it answers as the one named. */
async function answering(stateDir: string): Promise<EngineFile | null> {
  const file = readEngineFile(stateDir);
  if (!file) return null;
  try {
    const health = await call(file, "get_health", HEALTH_LIMIT);
    return health.ok ? file : null;
  } catch {
    return null;
  }
}

function call(engine: EngineFile, name: string, limit: number): Promise<Response> {
  const host = engine.host === "0.0.0.0" ? "127.0.0.1" : engine.host === "::" ? "[::1]" : engine.host;
  return fetch(`http://${host}:${engine.port}/internal/call`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-seedvr2-secret": engine.secret },
    body: JSON.stringify({ name, input: {} }),
    signal: AbortSignal.timeout(limit),
  });
}

/**
 * Starts an engine that outlives this process, or waits for the one that another process is starting. Should two be
 * started all the same, the one that gets the state folder stays, the other ends at once, and all see the same file.
 */
async function start(stateDir: string, launch: Launch): Promise<EngineFile> {
  const logDir = join(stateDir, "log");
  mkdirSync(logDir, { recursive: true, mode: 0o700 });
  const logPath = join(logDir, "engine-start.log");
  const starting = new StartMarker(join(stateDir, "engine.starting"));
  let child: Child | null = null;
  try {
    for (const end = Date.now() + START_LIMIT; Date.now() < end;) {
      if ((child === null || child.exited) && starting.take()) child = spawnEngine(launch, logPath);
      await sleep(LOOK_EVERY);
      const running = await answering(stateDir);
      if (running) return running;
    }
  } finally {
    starting.release();
  }
  throw noStart(logPath, child?.code ?? null);
}

interface Child {
  exited: boolean;
  code: number | null;
}

function spawnEngine(launch: Launch, logPath: string): Child {
  const log = openSync(logPath, "a");
  const state: Child = { exited: false, code: null };
  const child = spawn(launch.command, launch.args, {
    detached: true,
    stdio: ["ignore", log, log],
    windowsHide: true,
  });
  closeSync(log);
  child.once("exit", (code) => Object.assign(state, { exited: true, code }));
  child.once("error", () => (state.exited = true));
  child.unref();
  return state;
}

function noStart(logPath: string, code: number | null): EngineError {
  const tail = readFileSync(logPath, "utf8").trim().split("\n").slice(-3).join(" / ");
  return new EngineError("engine_unreachable", {
    what: `The engine did not start within ${START_LIMIT / 1000} s${code === null ? "" : ` (exit code ${code})`}.`,
    ...(tail && { why: `It printed: ${tail}.` }),
    todo: "seedvr2 doctor shows what is wrong.",
    facts: { log: logPath },
  });
}

function isNewer(mine: Expected, running: EngineFile): boolean {
  return compareVersions(mine.version, running.version) > 0;
}

/** Negative, 0 or positive as a is older, equal or newer than b; by numbers between dots. */
function compareVersions(a: string, b: string): number {
  const parts = (version: string) => version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference) return difference;
  }
  return 0;
}

function compatible(engine: EngineFile, expected: Expected): EngineFile {
  if (engine.protocol === expected.protocol) return engine;
  throw new EngineError("engine_unreachable", {
    what: `The running engine is of version ${engine.version}, this program of ${expected.version}.`,
    todo: "Restart this program (the host that started it), so that both are of one version.",
  });
}

/** An older engine ends after its last finished segment and lets a newer one take over. */
async function askToStop(engine: EngineFile): Promise<void> {
  await call(engine, "stop_engine", HEALTH_LIMIT).catch(() => undefined);
  const end = Date.now() + START_LIMIT;
  while (Date.now() < end) {
    try {
      process.kill(engine.pid, 0);
    } catch {
      return;
    }
    await sleep(LOOK_EVERY);
  }
}
