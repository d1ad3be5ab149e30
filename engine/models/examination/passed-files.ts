import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** Grows when the rules of examining do: what passed by older ones is looked at anew. */
const RULES = 1;

const passedFiles = z.object({
  rules: z.literal(RULES),
  /** By path. */
  files: z.record(z.string(), z.object({ size: z.number(), time: z.number() })),
});
type PassedFiles = z.output<typeof passedFiles>["files"];

const placeIn = (stateDir: string) => join(stateDir, "passed-files.json");

/** Whether this very file, by path, size and time, was examined before and is as such files are. */
export async function hasPassed(stateDir: string, path: string): Promise<boolean> {
  const [passed, now] = [(await read(stateDir))[path], await stampOf(path)];
  return passed !== undefined && passed.size === now.size && passed.time === now.time;
}

/** Remembers that a file has passed. */
export async function notePassed(stateDir: string, path: string): Promise<void> {
  const files = { ...(await read(stateDir)), [path]: await stampOf(path) };
  const temporary = `${placeIn(stateDir)}.${process.pid}`;
  await writeFile(temporary, JSON.stringify({ rules: RULES, files }, null, 2));
  await rename(temporary, placeIn(stateDir));
}

async function stampOf(path: string): Promise<PassedFiles[string]> {
  const { size, mtimeMs } = await stat(path);
  return { size, time: mtimeMs };
}

/** Nothing where nothing was noted yet, or what was noted cannot be used: it can be found out again. */
async function read(stateDir: string): Promise<PassedFiles> {
  const text = await readFile(placeIn(stateDir), "utf8").catch(() => "null");
  try {
    return passedFiles.parse(JSON.parse(text)).files;
  } catch {
    return {};
  }
}
