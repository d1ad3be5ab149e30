import { open, readFile, rm, stat } from "node:fs/promises";
import { z } from "zod";
import { writeWhole } from "../../durable-files.ts";
import { EngineError } from "../../errors.ts";

/** What is known of a file that is being fetched; lies beside its unfinished part. */
const record = z.object({
  url: z.string(),
  /** Strong ETag, else the time of the last change; what If-Range compares. */
  validator: z.string().nullable(),
  /** Bytes of the whole file, null where the server does not say. */
  total: z.number().int().min(0).nullable(),
});
export type PartRecord = z.output<typeof record>;

/** The unfinished part of a file that is being fetched: `NAME.part` beside its final name. */
export class PartFile {
  readonly path: string;
  /** What it becomes when it is whole. */
  readonly finalPath: string;
  readonly #recordPath: string;

  constructor(finalPath: string) {
    this.finalPath = finalPath;
    this.path = `${finalPath}.part`;
    this.#recordPath = `${this.path}.json`;
  }

  /**
   * Bytes that an earlier run fetched from this address and that can be gone on from; 0 otherwise. Throws `wrong_state`
   * where one of its files is there that we did not write: ours have a record, which is written first.
   */
  async resumable(url: string): Promise<{ from: number; record: PartRecord | null }> {
    const text = await readFile(this.#recordPath, "utf8").catch(() => null);
    const known = text === null ? null : (record.safeParse(jsonOf(text)).data ?? null);
    if (text !== null && known === null) throw notOurs(this.#recordPath);
    if (known === null && (await stat(this.path).catch(() => null))) throw notOurs(this.path);
    if (known?.url !== url || known.validator === null) return { from: 0, record: null };
    return { from: await this.size(), record: known };
  }

  async size(): Promise<number> {
    return (await stat(this.path).catch(() => null))?.size ?? 0;
  }

  /** Opens for writing behind the first `from` bytes; what was behind them is cut off. */
  async append(from: number, known: PartRecord) {
    await writeWhole(this.#recordPath, JSON.stringify(known));
    const file = await open(this.path, from > 0 ? "r+" : "w");
    await file.truncate(from);
    return file;
  }

  async discard(): Promise<void> {
    await rm(this.path, { force: true });
    await this.forgetRecord();
  }

  async forgetRecord(): Promise<void> {
    await rm(this.#recordPath, { force: true });
  }
}

function notOurs(path: string): EngineError {
  return new EngineError("wrong_state", {
    what: `${path} is in the way of the download: it was not made by one, and is not overwritten.`,
    todo: "Move it elsewhere, or remove it if it is of no use, then try again.",
    facts: { path },
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
