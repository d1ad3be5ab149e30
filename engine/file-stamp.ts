import { stat } from "node:fs/promises";

/**
 * What tells a file from another one that comes to lie under its path: its size, and when it was last written to. Null
 * where there is no file.
 */
export async function fileStamp(path: string): Promise<string | null> {
  const state = await stat(path).catch(() => null);
  return state?.isFile() ? `${state.size} ${state.mtimeMs}` : null;
}
