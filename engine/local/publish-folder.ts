import { readdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { isSequencePart } from "../media/picture-sequence.ts";

/**
 * What stands in the way of a sequence of pictures becoming this folder: nothing, where there is none or an empty one,
 * or with `overwrite` one that holds nothing but another such sequence. Other files are never removed.
 */
export async function inTheWay(folder: string, overwrite: boolean): Promise<"nothing" | "files" | "a sequence"> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    if (error.code === "ENOTDIR") return null;
    throw error;
  });
  if (names === null) return "files";
  if (names.length === 0) return "nothing";
  if (!names.every(isSequencePart)) return "files";
  return overwrite ? "nothing" : "a sequence";
}

/** Moves a whole sequence to its name; false where something is in the way. */
export async function moveFolder(from: string, to: string, overwrite: boolean): Promise<boolean> {
  if ((await inTheWay(to, overwrite)) !== "nothing") return false;
  for (const name of await readdir(to).catch(() => [])) await rm(join(to, name));
  try {
    await rmdir(to).catch(() => undefined); // not there, or refilled meanwhile: then renaming says so
    await rename(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR" || code === "EPERM") return false;
    throw error;
  }
}
