import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import type { Host } from "../engine/index.ts";

/** The engine's log: JSON lines in the state folder; with `aloud` warnings and tasks also as short lines on stderr. */
export function engineLog(stateDir: string, aloud: boolean): Host["log"] {
  const folder = join(stateDir, "log");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = pino(
    { base: { pid: process.pid } },
    pino.destination({ dest: join(folder, "engine.log"), sync: false }),
  );
  return (level, message, facts = {}) => {
    file[level](facts, message);
    if (!aloud || facts["area"] === "worker") return;
    const task = facts["task"] ? ` ${String(facts["task"])}` : "";
    process.stderr.write(`${new Date().toISOString()} ${level}${task} ${message}\n`);
  };
}
