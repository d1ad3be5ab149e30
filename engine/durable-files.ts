import { open, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Waits until a file that another process wrote is on disk: nothing may be promised of it that a power cut takes. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+"); // Windows syncs nothing that is open for reading only
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Waits until a folder of files and their names are on disk. */
export async function syncFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await syncFile(join(folder, name));
  await syncNames(folder);
}

/** Waits until the names in a folder are on disk, where the system can be asked for that (Windows cannot). */
export async function syncNames(folder: string): Promise<void> {
  const opened = await open(folder, "r").catch(() => null);
  await opened?.sync().catch(() => undefined);
  await opened?.close();
}

/** Writes a file whole or not at all, also when the power fails. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncNames(dirname(path));
}
