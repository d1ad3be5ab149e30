import { randomBytes } from "node:crypto";
import {
  EngineError,
  engineProtocol,
  openEngine,
  readEngineFile,
  removeEngineFile,
  writeEngineFile,
} from "../engine/index.ts";
import type { HostedEngine } from "../engine/index.ts";
import { createHttpApp, listen } from "../http/index.ts";
import type { HttpApp, Listening } from "../http/index.ts";
import { handleMcpRequest } from "../mcp/index.ts";
import { callerOf, engineConfig } from "./config.ts";
import type { Settings } from "./config.ts";
import { engineLog } from "./engine-log.ts";

export interface ServeOptions {
  /** Started by a tool call: takes a free port where the usual one is taken, and ends by itself when idle. */
  readonly idleExit: boolean;
}

/** How often an idle engine looks whether it may end. Milliseconds. */
const IDLE_LOOK = 1000;
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * The engine process: owns the state folder, works through its queue, answers REST, the page, /mcp and our own
 * processes. Resolves when it has stopped. Rejects with `wrong_state` where another engine owns the folder (an engine
 * started by a tool call then ends quietly), and where the port is taken.
 */
export async function serve(settings: Settings, options: ServeOptions): Promise<void> {
  const config = engineConfig(settings);
  const caller = callerOf(settings);
  const { HOST: host, PORT: port, SEEDVR2_API_TOKEN: apiToken, SEEDVR2_MCP_MAX_WAIT: maxWaitSeconds } = settings.values;
  refuseOpenWithoutToken(host, apiToken);
  const log = engineLog(config.stateDir, !options.idleExit);
  const stop = new Stop();
  let listening: Listening | null = null;
  const portNow = () => listening?.port ?? 0;
  const engine = await openEngine(config, { caller, log, port: portNow, onStop: () => stop.now() });
  if (!engine) {
    if (options.idleExit) return;
    throw alreadyOwned(config.stateDir);
  }
  const idle = new IdleWatch(engine, options.idleExit ? settings.values.SEEDVR2_ENGINE_IDLE : 0, () => stop.now());
  const internalSecret = randomBytes(32).toString("hex");
  const onFailure = (error: unknown) =>
    log("error", "a request failed", { error: String(error), stack: (error as Error).stack });
  const mcp = { engine: async () => engine, version: config.version, maxWaitSeconds, onError: onFailure };
  const app = createHttpApp({
    ...{ engine, caller, apiToken, internalSecret, host, version: config.version, onFailure },
    ...{ uploadDir: config.uploadDir, maxUploadBytes: config.maxUploadBytes },
    mcp: (request) => handleMcpRequest(request, mcp),
    onCall: () => idle.called(),
  });
  try {
    listening = await listenSomewhere(app, host, port, options.idleExit);
    const { version } = config;
    const file = {
      port: listening.port,
      host,
      pid: process.pid,
      version,
      protocol: engineProtocol,
      secret: internalSecret,
    };
    writeEngineFile(config.stateDir, file);
    log("info", `listening on http://${host}:${listening.port}`);
    for (const signal of signals) process.once(signal, () => stop.now());
    await stop.asked;
  } finally {
    idle.end();
    removeEngineFile(config.stateDir, process.pid);
    await listening?.close();
    await engine.close();
    log("info", "stopped");
  }
}

/** A request to stop, from wherever it comes first. */
class Stop {
  now!: () => void;
  readonly asked = new Promise<void>((resolve) => (this.now = resolve));
}

/** Ends an engine nobody needs: without task or call for a while. */
class IdleWatch {
  private last = Date.now();
  private readonly timer: NodeJS.Timeout | null;

  /** `seconds` of 0 never end it. */
  constructor(engine: HostedEngine, seconds: number, onIdle: () => void) {
    this.timer = seconds > 0 ? setInterval(() => void this.look(engine, seconds, onIdle), IDLE_LOOK) : null;
  }

  called(): void {
    this.last = Date.now();
  }

  end(): void {
    if (this.timer) clearInterval(this.timer);
  }

  private async look(engine: HostedEngine, seconds: number, onIdle: () => void): Promise<void> {
    if (await engine.hasWork()) this.called();
    if (Date.now() - this.last >= seconds * 1000) onIdle();
  }
}

async function listenSomewhere(app: HttpApp, host: string, port: number, anyPort: boolean): Promise<Listening> {
  try {
    return await listen(app, { host, port });
  } catch (error) {
    if (!anyPort) throw error;
    return listen(app, { host, port: 0 });
  }
}

function refuseOpenWithoutToken(host: string, token: string | null): void {
  if (token !== null || ["127.0.0.1", "localhost", "::1", "[::1]"].includes(host)) return;
  throw new EngineError("invalid_parameter", {
    what: `HOST ${host} lets other machines in, and no token is set.`,
    todo: "Set SEEDVR2_API_TOKEN to a secret text, or HOST to 127.0.0.1.",
  });
}

function alreadyOwned(stateDir: string): EngineError {
  const running = readEngineFile(stateDir);
  return new EngineError("wrong_state", {
    what: "An engine is running already.",
    ...(running && { why: `Process ${running.pid} serves this state folder on port ${running.port}.` }),
    todo: "Use that one, or end it with seedvr2 stop.",
    facts: { stateDir },
  });
}
