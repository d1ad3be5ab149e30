import { mkdirSync } from "node:fs";
import { join } from "node:path";
import Database from "libsql";

/** The right to be the engine of a state folder; the system takes it back when its process ends, however it ends. */
export interface Ownership {
  release(): void;
}

/**
 * Takes the state folder, or answers null where another process has it. The lock is an open exclusive transaction on
 * a database of its own. Its file must never be opened or copied elsewhere in this process: on POSIX closing any
 * descriptor of a file drops the process's locks on it.
 */
export function takeOwnership(stateDir: string): Ownership | null {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const lock = new Database(join(stateDir, "owner.lock"), { timeout: 0 });
  try {
    lock.pragma("journal_mode = DELETE");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code?.startsWith("SQLITE_BUSY")) return null;
    throw error;
  }
  return {
    release: () => lock.close(),
  };
}
