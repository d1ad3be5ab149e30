import { EngineError } from "../errors.ts";
import { parseBanner } from "./banner.ts";
import { type CarriedStreams, type Carrying, carryStreams, enlargedStream } from "./carried-streams.ts";
import { carriedAlone, coverFiles } from "./carry-attempts.ts";
import { earliestSound } from "./earliest-time.ts";
import { type Container, type EncodeSpec, hasAlphaBeside, muxers } from "./encoding.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import {
  type FfmpegProcess,
  type ProcessEnd,
  clockParameters,
  feed,
  ffmpegDied,
  fileName,
  inputParameters,
  isUnfinished,
  runFfmpeg,
  spawnFfmpeg,
} from "./ffmpeg-process.ts";
import type { TimeBase } from "./frame.ts";
import type { ClipInfo, StreamInfo } from "./media-info.ts";
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

const demuxers: Readonly<Record<Container, string>> = { mp4: "mov", mov: "mov", mkv: "matroska", webm: "matroska" };

/**
 * Joins segments into the final file without encoding anew, with the source's sound, subtitles, attachments, chapters
 * and titles. Frame times stay exact (MKV and WebM round to milliseconds), sound keeps its place beside them. The
 * notes say what the container made necessary. Rejects with `disk_full`, `not_writable`, `internal`, `cancelled`.
 *
 * Copies the other streams; where the container takes them worse than known, gives up a little rather than all.
 */
export async function joinSegments(ffmpeg: Ffmpeg, request: JoinRequest): Promise<{ notes: string[] }> {
  const zero = await zeroOf(ffmpeg, request);
  const covers = await coverFiles(ffmpeg, request);
  const wish = { container: request.container, input: 1, covers };
  const pictures = request.sourceInfo.streams.filter(({ attachedPicture }) => attachedPicture);
  let carrying: ReadonlyMap<number, Carrying> = new Map();
  let lines: readonly string[] = [];
  for (const attempt of ["all", "what can be", "no covers", "none"] as const) {
    if (attempt === "what can be") carrying = await carriedAlone(ffmpeg, request);
    if (attempt === "no covers") carrying = new Map([...carrying, ...leftOut(pictures)]);
    if (attempt === "none") carrying = new Map(leftOut(request.sourceInfo.streams));
    const carried = carryStreams(request.sourceInfo, { ...wish, carrying });
    const failure = await join(ffmpeg, request, joinParameters(request, carried, zero));
    if (!failure) return { notes: [...carried.notes, ...excuse(lines), ...(await lostEntries(ffmpeg, request))] };
    refuseHopeless(request.output, (lines = failure));
  }
  throw new EngineError("internal", {
    what: `The finished segments could not be joined to ${request.output}.`,
    why: `ffmpeg says: ${lines.join(" | ")}`,
    todo: "Retry the task; the segments are kept.",
    facts: { path: request.output, lines },
  });
}

const leftOut = (streams: readonly StreamInfo[]) => streams.map(({ index }) => [index, "left out"] as const);

/** Null where the file is whole, else ffmpeg's last lines. */
async function join(
  ffmpeg: Ffmpeg,
  request: JoinRequest,
  parameters: readonly string[],
): Promise<readonly string[] | null> {
  const process = spawnFfmpeg(ffmpeg.path, parameters, { feeds: true, signal: request.signal });
  const { code, signal } = await feedSegments(process, request);
  if (request.signal?.aborted) throw new EngineError("cancelled", { what: "Joining the segments was cancelled." });
  const lines = process.lastLines();
  if (signal) throw ffmpegDied(`it joined segments to ${request.output}`, signal, lines);
  return code === 0 && !isUnfinished(lines) ? null : lines;
}

/** What of the file's own entries the result does not have. */
async function lostEntries(ffmpeg: Ffmpeg, { sourceInfo, output, container }: JoinRequest): Promise<string[]> {
  const wanted = Object.keys(sourceInfo.metadata).filter((name) => !technicalEntries.test(name));
  if (wanted.length === 0) return [];
  const { stderr } = await runFfmpeg(ffmpeg.path, ["-hide_banner", ...inputParameters(output, demuxers[container])]);
  const { metadata = {}, streams = [] } = parseBanner(stderr) ?? {};
  const everywhere = [metadata, ...streams.map((stream) => stream.metadata)].flatMap(Object.keys);
  const kept = new Set(everywhere.map((name) => name.toLowerCase()));
  const lost = wanted.filter((name) => !kept.has(name.toLowerCase()));
  if (lost.length === 0) return [];
  return [
    `Of the file's own entries these were left out, because ${container} has no place for them: ${lost.join(", ")}.`,
  ];
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

function excuse(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`Copying sound and subtitles as they are failed: ${lines.at(-1)}`];
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

/**
 * What both inputs are shifted by, so that the earliest of them starts at 0 and they keep their distance. Left to the
 * muxer of Matroska, older releases shift only the packets behind the first one with a negative time.
 */
async function zeroOf(ffmpeg: Ffmpeg, { source, sourceInfo, segments, container, spec }: JoinRequest): Promise<number> {
  const start = secondsOf(segments[0]?.firstTime ?? 0n, spec.timeBase);
  const sound = container === "mkv" || container === "webm" ? await earliestSound(ffmpeg, source, sourceInfo) : null;
  return Math.min(sourceInfo.startSeconds, start, sound ?? Infinity);
}

function joinParameters(request: JoinRequest, carried: CarriedStreams, zero: number): string[] {
  const { source, sourceInfo, container, spec } = request;
  const start = secondsOf(request.segments[0]?.firstTime ?? 0n, spec.timeBase);
  return [
    ...["-v", "error", "-y", ...clockParameters(sourceInfo.clockRestarts), "-itsoffset", (start - zero).toFixed(6)],
    ...["-protocol_whitelist", "file,pipe", "-f", "nut", "-i", "pipe:0"],
    ...["-itsoffset", (-zero).toFixed(6), ...inputParameters(source, sourceInfo.demuxer)],
    ...["-map", "0:v:0", "-c:v:0", "copy", ...carried.parameters],
    ...["-map_metadata", "1", "-map_chapters", "1", ...metadataParameters(request)],
    ...endParameters(request, zero),
    ...containerParameters(request),
    ...["-f", muxers[container], fileName(request.output)],
  ];
}

/** Entries that say how the source was written, which is not true of the result. */
const technicalEntries =
  /^(major_brand|minor_version|compatible_brands|encoder|software|duration|company_name|product_\w+|\w*(uid|umid|_ul))$/i;
const ofSourceOnly =
  /^(rotate|alpha_mode|encoder|vendor_id|duration|bps|number_of_(frames|bytes)|_statistics_.*)(-\w+)?$/i;

/** The enlarged stream comes from a pipe that knows nothing of its language, title, time code and standing. */
function metadataParameters({ spec, sourceInfo: { streams } }: JoinRequest): string[] {
  const { language, isDefault, metadata } = enlargedStream(streams) ?? {};
  const entries = Object.entries(metadata ?? {}).filter(([name]) => !ofSourceOnly.test(name));
  return [
    ...(language ? ["-metadata:s:v:0", `language=${language}`] : []),
    ...entries.flatMap(([name, value]) => ["-metadata:s:v:0", `${name}=${value}`]),
    ...(hasAlphaBeside(spec) ? ["-metadata:s:v:0", "alpha_mode=1"] : []),
    ...["-disposition:v:0", isDefault ? "default" : "0"],
    ...["major_brand=", "minor_version=", "compatible_brands="].flatMap((entry) => ["-metadata", entry]),
  ];
}

function endParameters(request: JoinRequest, zero: number): string[] {
  if (request.until === undefined) return [];
  // A little more than the picture, so that rounding never costs the last frame.
  const end = secondsOf(request.until, request.spec.timeBase) - zero + 0.005;
  return ["-t", end.toFixed(6)];
}

/** Entries as phones write them, which MP4 takes in a table of names and values only. */
const tableEntries = /^com\./;

function containerParameters({ container, spec, sourceInfo }: JoinRequest): string[] {
  // Else the muxer makes up numbers by chance, and a resumed task's file would differ from another's.
  if (container === "mkv" || container === "webm") return ["-fflags", "+bitexact"];
  const table = Object.keys(sourceInfo.metadata).some((name) => tableEntries.test(name)) ? "+use_metadata_tags" : "";
  return [
    ...["-video_track_timescale", String(spec.timeBase.den), "-movflags", `+faststart+write_colr${table}`],
    // Older releases call Opus and FLAC in MP4 experimental.
    ...["-strict", "-2", ...(spec.codec === "hevc" ? ["-tag:v:0", "hvc1"] : [])],
  ];
}

function secondsOf(ticks: bigint, { num, den }: TimeBase): number {
  return (Number(ticks) * num) / den;
}
