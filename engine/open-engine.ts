import type { EngineConfig } from "./config.ts";
import type { Host, HostedEngine } from "./engine.ts";

/**
 * Takes the state folder of the configuration and opens the engine on it: tasks, queue and worker. Answers null where
 * another process owns that folder. Heavy parts are loaded only now, so that surfaces start fast.
 */
export async function openEngine(config: EngineConfig, host: Host): Promise<HostedEngine | null> {
  const { openLocalEngine } = await import("./local/open-local-engine.ts");
  return openLocalEngine(config, host);
}
