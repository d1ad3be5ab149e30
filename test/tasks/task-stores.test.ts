import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "libsql";
import { expect, it } from "vitest";
import { SqliteTaskStore } from "../../engine/tasks/sqlite-task-store.ts";
import { MemoryTaskStore } from "../contracts/memory-task-store.ts";
import { aSubmission, taskStoreContract } from "../contracts/task-store-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";

function clock() {
  let time = Date.UTC(2026, 0, 1);
  return { now: () => time, pass: (milliseconds: number) => void (time += milliseconds) };
}

taskStoreContract("in memory", async () => {
  const { now, pass } = clock();
  return { store: new MemoryTaskStore(now), pass, end: async () => {} };
});

taskStoreContract("SQLite", async () => {
  const { now, pass } = clock();
  const folder = await mkdtemp(join(tmpdir(), "seedvr2-test-"));
  const store = new SqliteTaskStore(join(folder, "tasks.db"), now);
  const end = async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { store, pass, end };
});

it("keeps everything over a restart", async () => {
  const path = join(await temporaryFolder(), "tasks.db");
  const before = new SqliteTaskStore(path);
  const { task } = await before.enqueue(aSubmission({ notes: ["a note"] }));
  await before.claim();
  await before.progress(task.id, { share: 0.25, stage: "upscaling", framesDone: 2, framesTotal: 8 });
  await before.close();
  const after = new SqliteTaskStore(path);
  expect(await after.get(task.id)).toMatchObject({
    state: "processing",
    notes: ["a note"],
    progress: { framesDone: 2 },
  });
  await after.close();
});

it("refuses a task list of a newer version, naming both schemas", async () => {
  const path = join(await temporaryFolder(), "tasks.db");
  const newer = new Database(path);
  newer.pragma("user_version = 99");
  newer.close();
  expect(() => new SqliteTaskStore(path)).toThrow(/schema 99, this one knows 1/);
});

it("forgets ended tasks only when they are both old and beyond the number kept", async () => {
  const { now, pass } = clock();
  const store = new SqliteTaskStore(join(await temporaryFolder(), "tasks.db"), now);
  const { task } = await store.enqueue(aSubmission());
  await store.cancel(task.id);
  pass(31 * 86_400_000);
  expect(await store.prune()).toEqual([]);
  expect(await store.get(task.id)).toBeDefined();
  await store.close();
});
