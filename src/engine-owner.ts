import { readEngineFile } from "../engine/index.ts";
import type { EngineFile } from "../engine/index.ts";

/** The engine that runs for a state folder, or null; looking starts none. A killed engine's file does not count. */
export function engineOwner(stateDir: string): EngineFile | null {
  const file = readEngineFile(stateDir);
  return file && isAlive(file.pid) ? file : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
