import type { EngineConfig } from "./config.ts";
import type { Caller, Engine } from "./engine.ts";

/** What the process that hosts the engine provides. */
export interface Host {
  /** Settings of callers that bring none: the process's own. */
  readonly caller: Caller;
  /** The port REST listens on. */
  readonly port: () => number;
  /** Called when the engine was asked to stop, once that answer can be sent. */
  readonly onStop: () => void;
  readonly log: (level: "info" | "warn" | "error", message: string, facts?: Record<string, unknown>) => void;
}

/** The engine in the process that owns it. */
export interface HostedEngine extends Engine {
  /** True while a task is running or waiting. */
  hasWork(): Promise<boolean>;
}

/**
 * Takes the state folder of the configuration and opens the engine on it: tasks, queue and worker. Answers null where
 * another process owns that folder. Heavy parts are loaded only now, so that surfaces start fast.
 */
export async function openEngine(config: EngineConfig, host: Host): Promise<HostedEngine | null> {
  const { openLocalEngine } = await import("./local/open-local-engine.ts");
  return openLocalEngine(config, host);
}
