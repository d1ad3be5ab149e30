import { link, open, rename, unlink } from "node:fs/promises";

/** Moves a file to a name in the same folder that nobody has; false where somebody has it. Never replaces a file. */
export async function claimName(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
    return renameToName(from, to); // a file system without hard links, e.g. exFAT
  }
  await unlink(from);
  return true;
}

/** Takes the name with an empty file of ours, then puts the result in its place. */
async function renameToName(from: string, to: string): Promise<boolean> {
  try {
    await (await open(to, "wx")).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  await rename(from, to);
  return true;
}
