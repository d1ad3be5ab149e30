import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { takeLock } from "../../owner/owner-lock.ts";

/**
 * Takes the right to fetch a file, or answers null where another process has it. The lock's file is removed with the
 * right, because it lies in a folder of the user's. So whoever waits may get a lock on a file that has just been removed,
 * while a third makes a new one: a lock counts only where its file was there before and is the same one still.
 */
export function takeFileLock(path: string): (() => Promise<void>) | null {
  const inode = () => statSync(path, { throwIfNoEntry: false })?.ino;
  const before = inode();
  const lock = takeLock(path);
  if (!lock) return null;
  if (before === undefined || before !== inode()) {
    lock.release();
    return before === undefined ? takeFileLock(path) : null;
  }
  return async () => {
    // Removed before it is let go: nobody can have locked this file in between. Windows keeps what is open.
    await rm(path, { force: true }).catch(() => undefined);
    lock.release();
  };
}
