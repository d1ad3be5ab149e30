import { EngineError } from "../../errors.ts";
import type { PartFile, PartRecord } from "./part-file.ts";
import type { Answer, Source } from "./source.ts";

/** What may be different the next time: the connection, the server's mood, a part that fits no longer. */
export class TryAgain extends Error {
  /** Seconds the server asks to wait. */
  readonly after: number | null;

  constructor(reason: string, after: number | null = null) {
    super(reason);
    this.after = after;
  }
}

export interface TransferWish {
  readonly url: string;
  readonly part: PartFile;
  readonly source: Source;
  readonly signal: AbortSignal;
  /** Seconds without a byte after which a connection counts as dead. */
  readonly idleSeconds: number;
  /** Told before bytes are written, may refuse: bytes that are there, and what the whole will be. */
  readonly onStart: (have: number, total: number | null) => Promise<void>;
  readonly onBytes: (have: number, total: number | null) => void;
}

/**
 * One attempt at the whole file, going on where an earlier one ended if the server still has the same bytes. Throws
 * `TryAgain` for what may pass, `download_failed` for what will not, whatever `onStart` throws, and the signal's reason.
 */
export async function transfer(wish: TransferWish): Promise<void> {
  const { url, part, source, signal } = wish;
  const { from, record } = await part.resumable(url);
  if (from > 0 && record?.total === from) return; // all there, only not yet named
  const idle = new AbortController();
  const alarm = alarmAfter(wish.idleSeconds, idle);
  try {
    const either = AbortSignal.any([signal, idle.signal]);
    const answer = await source.request(url, { from, validator: record?.validator ?? null, signal: either });
    const start = await startOf(answer, from, wish);
    await wish.onStart(start.from, start.record.total);
    await receive(answer, start, { wish, alarm });
  } catch (error) {
    signal.throwIfAborted();
    if (idle.signal.aborted) throw new TryAgain(`nothing came for ${wish.idleSeconds} s`);
    if (error instanceof TryAgain || error instanceof EngineError || isSystemError(error)) throw error;
    throw new TryAgain(reasonOf(error));
  } finally {
    alarm.stop();
  }
}

interface Start {
  /** Where the answer's bytes belong. */
  readonly from: number;
  readonly record: PartRecord;
}

/** What an answer's bytes are; throws for answers that hold none of the file. */
async function startOf(answer: Answer, wanted: number, { url, part }: TransferWish): Promise<Start> {
  const { headers, status } = answer;
  const record = { url, validator: validatorOf(answer) };
  if (status === 200) return { from: 0, record: { ...record, total: numberOf(headers.get("content-length")) } };
  const range = rangeOf(answer);
  if (status === 206 && range?.from === wanted) return { from: wanted, record: { ...record, total: range.total } };
  await answer.body?.cancel().catch(() => undefined);
  if (status === 206 || status === 416) {
    await part.discard();
    throw new TryAgain(`the server cannot go on from byte ${wanted}`);
  }
  throw refusal(status, headers.get("retry-after"), { url, path: part.finalPath });
}

async function receive(
  answer: Answer,
  { from, record }: Start,
  { wish, alarm }: { wish: TransferWish; alarm: Alarm },
): Promise<void> {
  const { part, onBytes } = wish;
  const file = await part.append(from, record);
  let have = from;
  try {
    for await (const chunk of answer.body ?? []) {
      alarm.restart();
      const bytes = chunk as Uint8Array;
      if (record.total !== null && have + bytes.length > record.total) throw new TooMuch();
      await file.write(bytes, 0, bytes.length, have);
      have += bytes.length;
      onBytes(have, record.total);
    }
    await file.sync();
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    await part.discard();
    throw new TryAgain(`the server sent more than the ${record.total} bytes it announced`);
  } finally {
    await file.close();
  }
  if (record.total !== null && have < record.total) throw new TryAgain(`the connection ended at byte ${have}`);
}

class TooMuch extends Error {}

interface Alarm {
  restart(): void;
  stop(): void;
}

function alarmAfter(seconds: number, controller: AbortController): Alarm {
  let timer: NodeJS.Timeout;
  const restart = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), seconds * 1000);
  };
  restart();
  return { restart, stop: () => clearTimeout(timer) };
}

/** What If-Range may compare: a strong ETag, else the time of the last change (RFC 9110 section 13.1.5). */
function validatorOf({ headers }: Answer): string | null {
  const etag = headers.get("etag");
  return etag && !etag.startsWith("W/") ? etag : headers.get("last-modified");
}

function rangeOf({ headers }: Answer): { from: number; total: number | null } | null {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
  return match && { from: Number(match[1]), total: numberOf(match[2] ?? null) };
}

function numberOf(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

const permanent: Readonly<Record<number, { why: string; todo: string }>> = {
  401: { why: "It asks for a token.", todo: "Set HF_TOKEN to a token of an account that may read it" },
  403: { why: "It does not allow this.", todo: "Set HF_TOKEN to a token of an account that may read it" },
  404: { why: "There is no such file.", todo: "Check SEEDVR2_MODEL_URL and HF_ENDPOINT" },
};

function refusal(status: number, retryAfter: string | null, { url, path }: { url: string; path: string }): Error {
  const known = permanent[status];
  if (!known && (status === 408 || status === 429 || status >= 500)) {
    return new TryAgain(`the server answers ${status}`, numberOf(retryAfter));
  }
  return new EngineError("download_failed", {
    what: `The server answers ${status} for ${url}.`,
    why: known?.why ?? "It does not serve this file.",
    todo: `${known ? `${known.todo}, or fetch` : "Fetch"} ${url} by hand and put it at ${path}.`,
    facts: { url, status, path },
  });
}

/** undici hides the reason in the cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}

/** Failures of the disk are not the network's: trying again would not help. */
function isSystemError(error: unknown): boolean {
  const { syscall, code } = error as NodeJS.ErrnoException;
  const ofFiles = ["open", "write", "ftruncate", "fsync", "unlink", "rename", "link"];
  return code !== undefined && syscall !== undefined && ofFiles.includes(syscall);
}
