import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** How to reach the running engine. Believed only as far as it answers: an engine that was killed leaves its file. */
const engineFile = z.object({
  port: z.number().int(),
  host: z.string(),
  pid: z.number().int(),
  version: z.string(),
  protocol: z.number().int(),
  /** Who knows it may call /internal. */
  secret: z.string().min(32),
});
export type EngineFile = z.output<typeof engineFile>;

const pathOf = (stateDir: string) => join(stateDir, "engine.json");

/** Written whole and readable by its owner alone. */
export function writeEngineFile(stateDir: string, content: EngineFile): void {
  const path = pathOf(stateDir);
  const temporary = `${path}.${content.pid}`;
  writeFileSync(temporary, JSON.stringify(content, null, 2), { mode: 0o600 });
  renameSync(temporary, path);
}

/** The file's content, or null where there is none or it is no such file. */
export function readEngineFile(stateDir: string): EngineFile | null {
  try {
    return engineFile.parse(JSON.parse(readFileSync(pathOf(stateDir), "utf8")));
  } catch {
    return null;
  }
}

/** Removes the file of the process `pid`, not that of a successor. */
export function removeEngineFile(stateDir: string, pid: number): void {
  if (readEngineFile(stateDir)?.pid === pid) rmSync(pathOf(stateDir), { force: true });
}
