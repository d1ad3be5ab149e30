import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { fileStamp } from "../../file-stamp.ts";

/** Grows when the rules of examining or of noting do: what passed by older ones is looked at anew. */
const RULES = 2;

const passedFiles = z.object({
  rules: z.literal(RULES),
  /** Stamps by path. */
  files: z.record(z.string(), z.string()),
});
type PassedFiles = z.output<typeof passedFiles>["files"];

const placeIn = (stateDir: string) => join(stateDir, "passed-files.json");

/** Whether this very file, by path and stamp, was examined before and is as such files are. */
export async function hasPassed(stateDir: string, path: string): Promise<boolean> {
  const passed = (await read(stateDir))[path];
  return passed !== undefined && passed === (await fileStamp(path));
}

/** Remembers that a file has passed. */
export async function notePassed(stateDir: string, path: string): Promise<void> {
  const stamp = await fileStamp(path);
  if (stamp === null) return;
  const files = { ...(await read(stateDir)), [path]: stamp };
  const temporary = `${placeIn(stateDir)}.${process.pid}`;
  await writeFile(temporary, JSON.stringify({ rules: RULES, files }, null, 2));
  await rename(temporary, placeIn(stateDir));
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
