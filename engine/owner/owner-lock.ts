import { mkdirSync } from "node:fs";
import { join } from "node:path";
import Database from "libsql";

/** A right that one process has at a time; the system takes it back when its process ends, however it ends. */
export interface Lock {
  release(): void;
}

/** Takes a state folder, whose one engine its owner is, or answers null where another process has it. */
export function takeOwnership(stateDir: string): Lock | null {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  return takeLock(join(stateDir, "owner.lock"));
}

/**
 * Takes the lock that a file stands for, or answers null where somebody else has it. It is an open exclusive
 * transaction on a database of its own. The file must never be opened or copied elsewhere in this process: on POSIX
 * closing any descriptor of a file drops the process's locks on it.
 */
export function takeLock(path: string): Lock | null {
  const lock = new Database(path, { timeout: 0 });
  try {
    lock.pragma("journal_mode = DELETE");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code?.startsWith("SQLITE_BUSY")) return null;
    throw error;
  }
  return {
    release: () => {
      lock.exec("ROLLBACK"); // closing alone leaves the journal behind
      lock.close();
    },
  };
}
