import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { EngineError } from "../errors.ts";

/** What a short command left behind. */
export interface CommandResult {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandLimits {
  /** Ended after so many milliseconds; none by default. */
  readonly timeout?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs ffmpeg for a command whose text output is small, and waits. Never rejects because of an exit code; rejects with
 * `not_runnable` where the program cannot be started and with `cancelled` where `signal` ended it.
 */
export async function runFfmpeg(
  program: string,
  parameters: readonly string[],
  limits: CommandLimits = {},
): Promise<CommandResult> {
  const { execa } = await import("execa");
  const result = await execa(program, ["-nostdin", ...parameters], {
    reject: false,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    maxBuffer: 8 * 1024 * 1024,
    forceKillAfterDelay: 500,
    stripFinalNewline: true,
    ...(limits.timeout !== undefined && { timeout: limits.timeout }),
    ...(limits.signal && { cancelSignal: limits.signal }),
  });
  if (result.isCanceled) throw new EngineError("cancelled", { what: "The work with ffmpeg was cancelled." });
  const started = result.exitCode !== undefined || result.signal !== undefined || result.timedOut;
  if (!started && !result.isMaxBuffer) throw cannotStart(program, result.cause);
  return {
    exitCode: result.exitCode ?? null,
    timedOut: result.timedOut,
    stdout: result.stdout,
    stderr: result.stderr,
  };
}

/** How a process ended: by itself with a code, or by a signal. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running ffmpeg whose stdin or stdout carries bytes. It lives until its work is done or `kill` ends it. */
export interface FfmpegProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when it has ended and its streams are closed; rejects with `not_runnable` where it did not start. */
  readonly ended: Promise<ProcessEnd>;
  /** The last lines of its stderr. */
  lastLines(): readonly string[];
  kill(): void;
}

export interface SpawnOptions {
  /** Whether its stdin is ours to write; else it has none. */
  readonly feeds: boolean;
  /** Whether its stdout is ours to read although we feed it. */
  readonly answers?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** What of a line of its stderr is worth keeping, null for nothing; else all that is no mere report. */
  readonly telling?: (line: string) => string | null;
}

/** Starts ffmpeg for a stream of bytes. */
export function spawnFfmpeg(program: string, parameters: readonly string[], options: SpawnOptions): FfmpegProcess {
  const flags = options.feeds ? [] : ["-nostdin"];
  const child = spawn(program, [...flags, ...parameters], { stdio: ["pipe", "pipe", "pipe"], windowsHide: true });
  const lines = new LastLines(options.telling);
  child.stderr.on("data", (chunk: Buffer) => lines.add(chunk));
  // A process that ends while we write makes EPIPE; how it ended says more, see `ended`.
  child.stdin.on("error", () => {});
  if (!options.feeds) child.stdin.end();
  if (options.feeds && !options.answers) child.stdout.resume();
  const kill = () => {
    child.kill("SIGKILL");
    // Else bytes nobody reads would keep it from closing.
    child.stdout.destroy();
  };
  const ended = new Promise<ProcessEnd>((done, fail) => {
    child.once("error", (error) => fail(cannotStart(program, error)));
    child.once("close", (code, signal) => done({ code, signal }));
  });
  ended
    .catch(() => {})
    .finally(() => options.signal?.removeEventListener("abort", kill))
    .catch(() => {});
  options.signal?.addEventListener("abort", kill, { once: true });
  if (options.signal?.aborted) kill();
  return { stdin: child.stdin, stdout: child.stdout, ended, lastLines: () => lines.all(), kill };
}

/** Writes to a process and waits until it can take more; false where it has ended and takes nothing any more. */
export async function feed(process: FfmpegProcess, parts: readonly Uint8Array[]): Promise<boolean> {
  const { stdin, ended } = process;
  let roomLeft = true;
  for (const part of parts) if (!stdin.destroyed) roomLeft = stdin.write(part);
  if (!stdin.destroyed && !roomLeft) await Promise.race([once(stdin, "drain").catch(() => {}), ended]);
  return !stdin.destroyed;
}

/** Keeps the last lines of a text that arrives in pieces; long lines are cut. */
class LastLines {
  static readonly count = 12;
  static readonly length = 300;
  private lines: string[] = [];
  private rest = "";
  private readonly telling: (line: string) => string | null;

  constructor(telling = anyTelling) {
    this.telling = telling;
  }

  add(chunk: Buffer): void {
    const parts = (this.rest + chunk.toString("utf8")).split(/[\r\n]+/);
    this.rest = (parts.pop() ?? "").slice(0, LastLines.length);
    this.lines = [...this.lines, ...parts.flatMap((line) => this.kept(line))].slice(-LastLines.count);
  }

  all(): readonly string[] {
    return [...this.lines, ...this.kept(this.rest)].slice(-LastLines.count);
  }

  private kept(line: string): string[] {
    const telling = this.telling(line.trim().slice(0, LastLines.length));
    return telling ? [telling] : [];
  }
}

/** Some encoders report their settings on stderr whatever one asks for. */
function anyTelling(line: string): string | null {
  return line.startsWith("Svt[info]") || line.startsWith("x265 [info]") ? null : line;
}

/** The last of a text's lines, as errors show them. */
export function lastLinesOf(text: string): readonly string[] {
  const lines = new LastLines();
  lines.add(Buffer.from(text));
  return lines.all();
}

/**
 * The error of work that an ffmpeg was ended in by a signal, by whoever it was: like the death of a worker, which is
 * tried again.
 */
export function ffmpegDied(doing: string, signal: NodeJS.Signals, lines: readonly string[]): EngineError {
  return new EngineError("worker_died", {
    what: `ffmpeg was ended by ${signal} while ${doing}.`,
    why: lines.at(-1) ?? "Somebody ended it, or memory ran out.",
    todo: "Retry the task.",
    facts: { signal, lines },
  });
}

/**
 * The parameters that open a file as input: no network, the name taken as it stands, the container format forced
 * where it is known, so that neither the name nor the content can choose another reader.
 */
export function inputParameters(path: string, demuxer?: string): string[] {
  return ["-protocol_whitelist", "file,pipe", ...(demuxer ? ["-f", demuxer] : []), "-i", fileName(path)];
}

/**
 * What comes before all inputs so that times are the file's own: without copyts they would shift by the file's start,
 * which may be the sound's. A clock that restarts has no use for that: there ffmpeg counts from the start and puts the
 * parts one behind the other, but is not to close gaps (its own limit is 10 s).
 */
export function clockParameters(clockRestarts: boolean): string[] {
  return clockRestarts ? ["-dts_delta_threshold", "100000000"] : ["-copyts"];
}

/** Older releases end with code 0 although the end of the file could not be written. */
export function isUnfinished(lines: readonly string[]): boolean {
  return lines.some((line) => /error writing trailer|could not write header|av_interleaved_write_frame/i.test(line));
}

/** A path as ffmpeg takes it without looking for a protocol or a flag in it. */
export function fileName(path: string): string {
  return `file:${resolve(path)}`;
}

function cannotStart(program: string, cause: unknown): EngineError {
  return new EngineError("not_runnable", {
    what: `ffmpeg could not be started from ${program}.`,
    why: cause instanceof Error ? `${cause.message}.` : "It is missing or may not be run.",
    todo: "Set FFMPEG_PATH to an ffmpeg that runs, or unset it to use the packaged one.",
    facts: { program },
    cause,
  });
}
