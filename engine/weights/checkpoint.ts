import { open, realpath } from "node:fs/promises";
import { EndOfBytes } from "./byte-cursor.ts";
import { readRange } from "./decode.ts";
import { GGUF_MAGIC, parseGguf } from "./gguf.ts";
import { malformed } from "./malformed.ts";
import { parseSafetensors, safetensorsHeadLength } from "./safetensors.ts";
import type { Checkpoint } from "./stored-tensor.ts";

/** First and largest part of a GGUF file that is read to find its header; it does not say how long it is. */
const FIRST_GGUF_READ = 2 ** 18;
const MAX_GGUF_HEADER = 2 ** 26;

/**
 * Opens a safetensors or GGUF file by its content, whatever its name. Reads the header only. Throws
 * `checkpoint_malformed`, or the system's error where the file cannot be read. Links are followed, because the runtime
 * refuses to map weights through one that leaves its folder.
 */
export async function openCheckpoint(named: string): Promise<Checkpoint> {
  const path = await realpath(named);
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const start = await readRange(file, 0, Math.min(8, size));
    const head = { path, size, bytes: start };
    if (start.length < 4 || new DataView(start.buffer).getUint32(0, true) !== GGUF_MAGIC) {
      const length = safetensorsHeadLength(head);
      return parseSafetensors({ ...head, bytes: await readRange(file, 0, length) });
    }
    for (let length = FIRST_GGUF_READ; ; length *= 4) {
      const bytes = await readRange(file, 0, Math.min(length, size));
      const checkpoint = parseGgufHead({ path, size, bytes });
      if (checkpoint) return checkpoint;
    }
  } finally {
    await file.close();
  }
}

/** The checkpoint, or nothing where the header is longer than these bytes and may be read further. */
export function parseGgufHead(head: { path: string; size: number; bytes: Uint8Array }): Checkpoint | undefined {
  try {
    return parseGguf(head);
  } catch (error) {
    if (!(error instanceof EndOfBytes)) throw error;
    if (head.bytes.length < Math.min(head.size, MAX_GGUF_HEADER)) return undefined;
    const allowed = `complete within ${head.bytes.length} bytes`;
    throw malformed(head.path, { field: "header", found: "cut off", allowed });
  }
}
