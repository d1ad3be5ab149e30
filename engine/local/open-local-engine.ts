import { join } from "node:path";
import type { EngineConfig } from "../config.ts";
import type { Host } from "../engine.ts";
import { takeOwnership } from "../owner/owner-lock.ts";
import { SqliteTaskStore } from "../tasks/sqlite-task-store.ts";
import { LocalEngine } from "./local-engine.ts";

/** Owns the state folder, opens its store and starts working; null where another process owns it. */
export async function openLocalEngine(config: EngineConfig, host: Host): Promise<LocalEngine | null> {
  const ownership = takeOwnership(config.stateDir);
  if (!ownership) return null;
  const store = new SqliteTaskStore(join(config.stateDir, "tasks.db"));
  const engine = new LocalEngine({ config, store, host, ownership });
  await engine.start();
  return engine;
}
