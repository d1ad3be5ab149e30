import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it, vi } from "vitest";
import { takeFileLock } from "../../engine/models/download/file-lock.ts";
import type * as OwnerLock from "../../engine/owner/owner-lock.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** What happens between the moment a lock is had and the next. */
const then = vi.hoisted(() => ({ happens: () => {} }));
vi.mock("../../engine/owner/owner-lock.ts", async (original) => {
  const { takeLock } = await original<typeof OwnerLock>();
  return {
    takeLock: (path: string) => {
      const lock = takeLock(path);
      then.happens();
      return lock;
    },
  };
});

let path: string;
beforeEach(async () => {
  then.happens = () => {};
  path = join(await temporaryFolder(), ".a.lock");
});

it("one has the lock of a file at a time, and nothing of it stays", async () => {
  const unlock = takeFileLock(path);
  expect(unlock).toBeTypeOf("function");
  expect(takeFileLock(path)).toBeNull();
  await unlock?.();
  expect(existsSync(path)).toBe(false);
  await takeFileLock(path)?.();
  expect([existsSync(path), existsSync(`${path}-journal`)]).toEqual([false, false]);
});

it("a lock on a file that was removed meanwhile is none, as a third may have the one in its place", () => {
  writeFileSync(path, "");
  then.happens = () => {
    writeFileSync(`${path}.third`, "");
    renameSync(`${path}.third`, path);
  };
  expect(takeFileLock(path)).toBeNull();
  then.happens = () => rmSync(path);
  expect(takeFileLock(path)).toBeNull();
});
