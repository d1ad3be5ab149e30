import type * as Files from "node:fs/promises";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, it, vi } from "vitest";
import { publish, publishedBefore } from "../../engine/local/publish.ts";
import type { Task } from "../../engine/tasks/task.ts";
import { aSubmission } from "../contracts/task-store-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** What is asked of the disk, in order. */
const asked = vi.hoisted((): string[] => []);
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof Files>();
  const told =
    <A extends unknown[], R>(what: string, does: (...values: A) => R) =>
    (...values: A): R => {
      asked.push(`${what} ${values.join(" ")}`);
      return does(...values);
    };
  return {
    ...real,
    ...{ link: told("link", real.link), rename: told("rename", real.rename) },
    open: async (path: string, flags?: string) => {
      const file = await real.open(path, flags);
      file.sync = told(`sync ${path}`, file.sync.bind(file));
      return file;
    },
  };
});

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder, "work"));
  asked.length = 0;
});

const result = { width: 2, height: 2, frames: 1, notes: [] };

async function published(format: string, name: string, part: (path: string) => Promise<void>) {
  const places = { workDir: join(folder, "work"), partPath: join(folder, "x.part") };
  await part(places.partPath);
  const output = { folder, path: join(folder, name), format, overwrite: false };
  const task = { ...aSubmission({ output }), id: "k3x9a2pq", startedAt: 0, worked: 0 } as unknown as Task;
  const outcome = await publish(task, { result, tile: null }, places);
  return { outcome, places, steps: asked.map((step) => step.replaceAll(folder, "").trimEnd()) };
}

it("a result is on disk before it has its name, and its name before anything it was made of is removed", async () => {
  const { outcome, places, steps } = await published("mp4", "a.mp4", (path) => writeFile(path, "clip"));
  expect(outcome).toEqual({ ...result, path: join(folder, "a.mp4") });
  const at = (step: string) => steps.indexOf(step);
  expect(at("sync /x.part")).toBeGreaterThanOrEqual(0);
  expect(at("link /x.part /a.mp4")).toBeGreaterThan(at("sync /x.part"));
  expect(steps.lastIndexOf("sync")).toBeGreaterThan(at("link /x.part /a.mp4"));
  expect(await publishedBefore(places)).toEqual(outcome);
  expect(await readFile(outcome.path, "utf8")).toBe("clip");
});

it("each picture of a sequence is", async () => {
  const { steps } = await published("png", "frames", async (path) => {
    await mkdir(path);
    for (const name of ["000001.png", "timestamps.txt"]) await writeFile(join(path, name), name);
  });
  const renamed = steps.indexOf("rename /x.part /frames");
  for (const name of ["/000001.png", "/timestamps.txt", ""]) {
    const synced = steps.indexOf(`sync /x.part${name}`);
    expect(synced).toBeGreaterThanOrEqual(0);
    expect(renamed).toBeGreaterThan(synced);
  }
});
