import { strict as assert } from "node:assert";
import { createReadStream } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { EngineError } from "../errors.ts";
import { ByteSource } from "./byte-source.ts";
import { type CarriedStreams, carryStreams, carryings } from "./carried-streams.ts";
import type { Container, EncodeSpec } from "./encoding.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { fileName, inputParameters, lastLinesOf, runFfmpeg } from "./ffmpeg-process.ts";
import type { TimeBase } from "./frame.ts";
import type { ClipInfo } from "./media-info.ts";
import { NutReader } from "./nut-reader.ts";

/** A finished segment and the time its first frame has in the source, in ticks of the clip's time base. */
export interface Segment {
  readonly path: string;
  readonly firstTime: bigint;
}

export interface JoinRequest {
  /** In order; at least one. */
  readonly segments: readonly Segment[];
  readonly source: string;
  readonly sourceInfo: ClipInfo;
  /** Written exactly here, replaced if there; the name does not choose the format. */
  readonly output: string;
  readonly container: Container;
  readonly spec: EncodeSpec;
  /** Where the picture ends early (a preview): sound and subtitles end there too. In ticks. */
  readonly until?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

const muxers: Readonly<Record<Container, string>> = { mp4: "mp4", mov: "mov", mkv: "matroska", webm: "webm" };

/**
 * Joins segments into the final file without encoding anew, with the source's sound, subtitles, attachments, chapters
 * and titles. Frame times stay exact (MKV and WebM round to milliseconds), sound keeps its place beside them. The
 * notes say what the container made necessary. Rejects with `disk_full`, `not_writable`, `internal`, `cancelled`.
 */
export async function joinSegments(ffmpeg: Ffmpeg, request: JoinRequest): Promise<{ notes: string[] }> {
  await refuseUnequal(request);
  const list = join(dirname(resolve(request.segments[0]?.path ?? "")), "segments.ffconcat");
  await writeFile(list, concatList(request.segments, request.spec.timeBase));
  try {
    return await joinBest(ffmpeg, request, list);
  } finally {
    await rm(list, { force: true });
  }
}

/** Copies the other streams; where the container takes them worse than known, gives up a little rather than all. */
async function joinBest(ffmpeg: Ffmpeg, request: JoinRequest, list: string): Promise<{ notes: string[] }> {
  let lines: readonly string[] = [];
  for (const carrying of carryings) {
    const carried = carryStreams(request.sourceInfo.streams, request.container, carrying);
    const { signal } = request;
    const result = await runFfmpeg(ffmpeg.path, joinParameters(request, list, carried), { signal });
    if (result.exitCode === 0) return { notes: [...carried.notes, ...excuse(carrying, lines)] };
    lines = lastLinesOf(result.stderr);
    refuseHopeless(request.output, lines);
  }
  throw new EngineError("internal", {
    what: `The finished segments could not be joined to ${request.output}.`,
    why: `ffmpeg says: ${lines.join(" | ")}`,
    todo: "Retry the task; the segments are kept.",
    facts: { path: request.output, lines },
  });
}

function excuse(carrying: string, lines: readonly string[]): string[] {
  return carrying === "copied"
    ? []
    : [`Copying sound and subtitles as they are failed: ${lines.at(-1) ?? "no reason"}`];
}

function refuseHopeless(path: string, lines: readonly string[]): void {
  const text = lines.join(" | ");
  const facts = { path, lines };
  if (/no space left|quota exceeded/i.test(text)) {
    throw new EngineError("disk_full", {
      what: `The disk is full: ${path} could not be written.`,
      todo: "Free some space, then retry the task; what is done is kept.",
      facts,
    });
  }
  if (!/permission denied|read-only file/i.test(text)) return;
  throw new EngineError("not_writable", {
    what: `${path} could not be written.`,
    why: `ffmpeg says: ${lines.at(-1) ?? ""}`,
    todo: "Check the permissions of that folder, then retry the task.",
    facts,
  });
}

function joinParameters(request: JoinRequest, list: string, carried: CarriedStreams): string[] {
  const { source, sourceInfo, container, spec } = request;
  const start = secondsOf(request.segments[0]?.firstTime ?? 0n, spec.timeBase);
  // Both are shifted by the same amount, so that the earliest of them starts at 0 and they keep their distance.
  const zero = Math.min(sourceInfo.startSeconds, start);
  const language = sourceInfo.streams.find((stream) => stream.type === "video" && !stream.attachedPicture)?.language;
  return [
    ...["-v", "error", "-y", "-copyts", "-itsoffset", (start - zero).toFixed(6)],
    ...["-safe", "0", ...inputParameters(list, "concat")],
    ...["-itsoffset", (-zero).toFixed(6), ...inputParameters(source, sourceInfo.demuxer)],
    ...["-map", "0:v:0", "-c:v", "copy", ...carried.parameters],
    ...["-map_metadata", "1", "-map_chapters", "1", ...(language ? ["-metadata:s:v:0", `language=${language}`] : [])],
    ...endParameters(request, zero),
    ...containerParameters(container, spec),
    ...["-f", muxers[container], fileName(request.output)],
  ];
}

function endParameters(request: JoinRequest, zero: number): string[] {
  if (request.until === undefined) return [];
  // A little more than the picture, so that rounding never costs the last frame.
  const end = secondsOf(request.until, request.spec.timeBase) - zero + 0.005;
  return ["-t", end.toFixed(6)];
}

function containerParameters(container: Container, spec: EncodeSpec): string[] {
  if (container === "mkv" || container === "webm") return [];
  return [
    ...["-video_track_timescale", String(spec.timeBase.den), "-movflags", "+faststart+write_colr"],
    // Older releases call Opus and FLAC in MP4 experimental.
    ...["-strict", "-2", ...(spec.codec === "hevc" ? ["-tag:v", "hvc1"] : [])],
  ];
}

/**
 * The list ffmpeg reads segments from. Durations are differences of absolute times rounded to its microseconds, so
 * that rounding never adds up.
 */
export function concatList(segments: readonly Segment[], timeBase: TimeBase): string {
  const first = segments[0]?.firstTime ?? 0n;
  const starts = segments.map(({ firstTime }) => microseconds(firstTime - first, timeBase));
  const entries = segments.map(({ path }, index) => {
    assert.ok(!/[\r\n]/.test(path), "segments lie in folders of our own, whose names have no line ends");
    const name = `file '${fileName(path).replaceAll("'", "'\\''")}'\n`;
    const [start, next] = [starts[index] ?? 0n, starts[index + 1]];
    return next === undefined ? name : `${name}duration ${inSeconds(next - start)}\n`;
  });
  return `ffconcat version 1.0\n${entries.join("")}`;
}

function microseconds(ticks: bigint, { num, den }: TimeBase): bigint {
  const twice = 2n * BigInt(den);
  return (ticks * BigInt(num) * 2_000_000n + BigInt(den)) / twice;
}

function inSeconds(microseconds: bigint): string {
  return `${microseconds / 1_000_000n}.${String(microseconds % 1_000_000n).padStart(6, "0")}`;
}

function secondsOf(ticks: bigint, { num, den }: TimeBase): number {
  return (Number(ticks) * num) / den;
}

/** MP4 and MOV describe their codec once for the whole file: segments that differ there would not decode. */
async function refuseUnequal(request: JoinRequest): Promise<void> {
  const first = await codecData(request.segments[0]?.path ?? "");
  for (const { path } of request.segments.slice(1)) {
    if (Buffer.compare(first, await codecData(path)) === 0) continue;
    throw new EngineError("internal", {
      what: `The segment ${path} was encoded differently from the first one.`,
      why: "The encoder or its settings changed while the task was under way.",
      todo: "Submit the file again as a new task.",
      facts: { path },
    });
  }
}

async function codecData(path: string): Promise<Uint8Array> {
  const stream = createReadStream(path);
  try {
    const [video] = await new NutReader(new ByteSource(stream)).open();
    return video?.codecData ?? new Uint8Array(0);
  } finally {
    stream.destroy();
  }
}
