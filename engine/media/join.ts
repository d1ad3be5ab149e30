import { EngineError } from "../errors.ts";
import { type CarriedStreams, carryStreams, carryings } from "./carried-streams.ts";
import type { Container, EncodeSpec } from "./encoding.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { type FfmpegProcess, type ProcessEnd, feed, fileName, inputParameters, spawnFfmpeg } from "./ffmpeg-process.ts";
import type { TimeBase } from "./frame.ts";
import type { ClipInfo } from "./media-info.ts";
import { type Segment, joinedSegments } from "./segments.ts";

export type { Segment } from "./segments.ts";

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
 *
 * Copies the other streams; where the container takes them worse than known, gives up a little rather than all.
 */
export async function joinSegments(ffmpeg: Ffmpeg, request: JoinRequest): Promise<{ notes: string[] }> {
  let lines: readonly string[] = [];
  for (const carrying of carryings) {
    const carried = carryStreams(request.sourceInfo.streams, request.container, carrying);
    const process = spawnFfmpeg(ffmpeg.path, joinParameters(request, carried), { feeds: true, signal: request.signal });
    const ended = await feedSegments(process, request);
    if (request.signal?.aborted) throw new EngineError("cancelled", { what: "Joining the segments was cancelled." });
    if (ended.code === 0) return { notes: [...carried.notes, ...excuse(carrying, lines)] };
    lines = process.lastLines();
    refuseHopeless(request.output, lines);
  }
  throw new EngineError("internal", {
    what: `The finished segments could not be joined to ${request.output}.`,
    why: `ffmpeg says: ${lines.join(" | ")}`,
    todo: "Retry the task; the segments are kept.",
    facts: { path: request.output, lines },
  });
}

async function feedSegments(process: FfmpegProcess, request: JoinRequest): Promise<ProcessEnd> {
  try {
    for await (const part of joinedSegments(request.segments, request.spec)) {
      if (!(await feed(process, [part]))) break;
    }
    process.stdin.end();
    return await process.ended;
  } catch (error) {
    process.kill();
    await process.ended;
    throw error;
  }
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

function joinParameters(request: JoinRequest, carried: CarriedStreams): string[] {
  const { source, sourceInfo, container, spec } = request;
  const start = secondsOf(request.segments[0]?.firstTime ?? 0n, spec.timeBase);
  // Both are shifted by the same amount, so that the earliest of them starts at 0 and they keep their distance.
  const zero = Math.min(sourceInfo.startSeconds, start);
  const language = sourceInfo.streams.find((stream) => stream.type === "video" && !stream.attachedPicture)?.language;
  return [
    ...["-v", "error", "-y", "-copyts", "-itsoffset", (start - zero).toFixed(6)],
    ...["-protocol_whitelist", "file,pipe", "-f", "nut", "-i", "pipe:0"],
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

function secondsOf(ticks: bigint, { num, den }: TimeBase): number {
  return (Number(ticks) * num) / den;
}
