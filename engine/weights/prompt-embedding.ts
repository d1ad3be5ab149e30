import { open, type FileHandle } from "node:fs/promises";
import { ByteCursor, EndOfBytes } from "./byte-cursor.ts";
import { readRange } from "./decode.ts";
import { malformed } from "./malformed.ts";
import type { StoredTensor } from "./stored-tensor.ts";

/** Zip structures (PKWARE APPNOTE 4.3): marks of the end record, a directory entry and a local header; fixed sizes. */
const END_MARK = 0x06054b50;
const ENTRY_MARK = 0x02014b50;
const LOCAL_MARK = 0x04034b50;
const END_SIZE = 22;
const LOCAL_SIZE = 30;
const MAX_COMMENT = 65_535;
/** Largest directory of such a file that is read. */
const MAX_DIRECTORY = 2 ** 20;
/** The record of the first tensor's raw data in a file that torch.save wrote; everything else in it is ignored. */
const RECORD = /^[^/]+\/data\/0$/;

/**
 * Where the prompt embedding lies in a `.pt` file: an uncompressed zip whose record `…/data/0` is the row-major bf16
 * data (seedvr2-pipeline.md section 5). The pickle beside it, which could run code, is never looked at; the number of
 * columns therefore comes from the caller. Throws `checkpoint_malformed`.
 */
export async function openPromptEmbedding(path: string, columns: number): Promise<StoredTensor> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const { offset, length } = await findRecord(file, path, size);
    const rows = length / (2 * columns);
    if (!Number.isInteger(rows) || rows < 1) {
      const allowed = `a multiple of ${2 * columns} bytes (bf16 rows of ${columns})`;
      throw malformed(path, { field: "length of data/0", found: length, allowed });
    }
    return { name: "embedding", type: "BF16", shape: [rows, columns], path, offset, length };
  } catch (error) {
    if (error instanceof EndOfBytes) {
      throw malformed(path, { field: "zip directory", found: "cut off", allowed: "a whole directory" });
    }
    throw error;
  } finally {
    await file.close();
  }
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

async function findRecord(file: FileHandle, path: string, size: number): Promise<Range> {
  const directory = await findDirectory(file, path, size);
  const at = new ByteCursor(await readRange(file, directory.offset, directory.length));
  while (at.position < directory.length) {
    const entry = readEntry(path, at);
    if (!RECORD.test(entry.name)) continue;
    if (entry.method !== 0 || entry.packed !== entry.length) {
      throw malformed(path, { field: entry.name, found: `method ${entry.method}`, allowed: "0, not compressed" });
    }
    const local = new ByteCursor(await readRange(file, entry.offset, LOCAL_SIZE));
    if (local.u32() !== LOCAL_MARK) throw malformed(path, { field: entry.name, found: "no header", allowed: "one" });
    local.take(22);
    const offset = entry.offset + LOCAL_SIZE + local.u16() + local.u16();
    if (offset + entry.length > size) {
      throw malformed(path, {
        field: `end of ${entry.name}`,
        found: offset + entry.length,
        allowed: `at most ${size}`,
      });
    }
    return { offset, length: entry.length };
  }
  throw malformed(path, { field: "records", found: "none called data/0", allowed: "a .pt file with one tensor" });
}

async function findDirectory(file: FileHandle, path: string, size: number): Promise<Range> {
  const tail = await readRange(file, Math.max(0, size - END_SIZE - MAX_COMMENT), END_SIZE + MAX_COMMENT);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let i = tail.length - END_SIZE; i >= 0; i--) {
    if (view.getUint32(i, true) !== END_MARK) continue;
    const length = view.getUint32(i + 12, true);
    const offset = view.getUint32(i + 16, true);
    if (length > MAX_DIRECTORY || offset + length > size) {
      const allowed = `within the file's ${size} bytes`;
      throw malformed(path, { field: "zip directory", found: `${length} bytes at ${offset}`, allowed });
    }
    return { offset, length };
  }
  throw malformed(path, { field: "end of the file", found: "no zip directory", allowed: "an uncompressed zip (.pt)" });
}

interface Entry extends Range {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
}

function readEntry(path: string, at: ByteCursor): Entry {
  const mark = at.u32();
  if (mark !== ENTRY_MARK) throw malformed(path, { field: "zip entry", found: mark, allowed: String(ENTRY_MARK) });
  at.take(6);
  const method = at.u16();
  at.take(8);
  const packed = at.u32();
  const length = at.u32();
  const [nameLength, extraLength, commentLength] = [at.u16(), at.u16(), at.u16()];
  at.take(8);
  const offset = at.u32();
  const name = new TextDecoder().decode(at.take(nameLength));
  at.take(extraLength + commentLength);
  return { name, method, packed, length, offset };
}
