import { rm } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import type { ClipFormat } from "../media/encoding.ts";
import { joinSegments } from "../media/join.ts";
import type { ClipInfo } from "../media/media-info.ts";
import { holdWholePicture } from "../media/movie-length.ts";
import { countPictures, writeSequence } from "../media/picture-sequence.ts";
import { countFrames, type FrameCount } from "../media/verify.ts";
import type { Job } from "./job.ts";
import { finishedFrames, type Manifest } from "./manifest.ts";

/** Seconds that containers and ffmpeg's own clock may round times by. */
const ROUNDING = 0.003;

/**
 * Makes the result at `job.partPath` of a clip's finished segments, with what else the source holds, and makes sure
 * that it decodes, holds all frames and lasts as long as they do. The notes say what the format made necessary.
 */
export async function assemble(job: Job, info: ClipInfo, manifest: Manifest): Promise<readonly string[]> {
  await rm(job.partPath, { recursive: true, force: true });
  const format = job.format as ClipFormat;
  const segments = manifest.segments.map(({ file, firstTime }) => ({
    path: join(job.workDir, file),
    firstTime: BigInt(firstTime),
  }));
  const { encode } = manifest.plan;
  if (format === "png") {
    await writeSequence({ segments, output: job.partPath, timeBase: encode.timeBase });
    refuseUnsound(await countPictures(job.ffmpeg, job.partPath), manifest);
    return sequenceNotes(info);
  }
  const { notes } = await joinSegments(job.ffmpeg, {
    ...{ segments, source: job.inputPath, sourceInfo: info, output: job.partPath, container: format, spec: encode },
    ...(job.parameters.preview_frames && { until: endOf(manifest) }),
  });
  if (format === "mp4" || format === "mov") {
    await holdWholePicture(job.partPath, spanOf(manifest), restOf(manifest, info));
  }
  refuseUnsound(await countFrames(job.ffmpeg, job.partPath), manifest);
  return notes;
}

function refuseUnsound(found: FrameCount, manifest: Manifest): void {
  const expected = finishedFrames(manifest);
  const seconds = spanOf(manifest);
  const lasts = found.seconds === null || Math.abs(found.seconds - seconds) <= ROUNDING;
  if (found.frames === expected && lasts && found.sound) return;
  const what =
    found.frames !== expected
      ? `The finished clip holds ${found.frames} frames where ${expected} were written.`
      : lasts
        ? "The finished clip does not decode without errors."
        : `The finished clip's frames span ${found.seconds} s where they should span ${seconds} s.`;
  throw new EngineError("internal", {
    what,
    ...(found.errors.length && { why: `ffmpeg says: ${found.errors.join(" | ")}` }),
    todo: "Retry the task; if it happens again, this clip or this ffmpeg is at fault (seedvr2 doctor shows which one).",
    facts: { frames: found.frames, expected, seconds: found.seconds, expected_seconds: seconds },
  });
}

/** A folder of pictures holds nothing else. */
function sequenceNotes({ streams }: ClipInfo): string[] {
  const left = streams.filter(({ type }) => type !== "video" && type !== "data");
  const names = left.map(({ index, type, codec }) => `${type} ${codec} in stream ${index}`);
  return [
    "The result is a folder of PNG pictures; timestamps.txt in it says when each is shown.",
    ...(names.length ? [`Pictures hold nothing else; left out: ${names.join(", ")}.`] : []),
  ];
}

const firstTime = ({ segments }: Manifest) => BigInt(segments[0]?.firstTime ?? 0);
const lastTime = ({ segments }: Manifest) => BigInt(segments.at(-1)?.lastTime ?? 0);

/** Seconds from the first frame to the last. */
function spanOf(manifest: Manifest): number {
  const { num, den } = manifest.plan.encode.timeBase;
  return (Number(lastTime(manifest) - firstTime(manifest)) * num) / den;
}

/** Seconds the last frame is shown: as in the source where that was read to its end, else as frames are on average. */
function restOf(manifest: Manifest, { frames, restSeconds }: ClipInfo): number {
  const finished = finishedFrames(manifest);
  return (finished === frames && restSeconds) || spanOf(manifest) / Math.max(1, finished - 1);
}

/** Where the picture ends, in ticks: the last frame's time and as much again as frames are apart on average. */
function endOf(manifest: Manifest): bigint {
  const [first, last] = [firstTime(manifest), lastTime(manifest)];
  return last + (last - first) / BigInt(Math.max(1, finishedFrames(manifest) - 1));
}
