import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Carrying, carryStreams, carryings, containerTraits } from "./carried-streams.ts";
import { muxers } from "./encoding.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { clockParameters, fileName, inputParameters, isUnfinished, runFfmpeg } from "./ffmpeg-process.ts";
import type { JoinRequest } from "./join.ts";

/** Files beside the segments: they go with them. */
const besideSegments = ({ segments }: JoinRequest, name: string) => join(dirname(segments[0]?.path ?? ""), name);

/**
 * Tries each stream of sound and subtitles alone: copied, then converted. Asked only where joining with all of them has
 * failed, so that one bad stream does not take the others with it.
 */
export async function carriedAlone(ffmpeg: Ffmpeg, request: JoinRequest): Promise<Map<number, Carrying>> {
  const found = new Map<number, Carrying>();
  for (const stream of request.sourceInfo.streams) {
    if (stream.type === "sound" || stream.type === "subtitle") {
      found.set(stream.index, await bestFor(ffmpeg, request, stream.index));
    }
  }
  return found;
}

async function bestFor(ffmpeg: Ffmpeg, request: JoinRequest, index: number): Promise<Carrying> {
  const { source, sourceInfo, container } = request;
  const alone = { ...sourceInfo, streams: sourceInfo.streams.filter((stream) => stream.index === index) };
  const scratch = besideSegments(request, "try");
  try {
    for (const carrying of carryings) {
      const wish = { container, input: 0, covers: new Map<number, string>(), carrying: new Map([[index, carrying]]) };
      const { parameters } = carryStreams(alone, wish);
      if (parameters.length === 0) continue;
      const { exitCode, stderr } = await runFfmpeg(
        ffmpeg.path,
        [
          ...["-v", "error", "-y", ...clockParameters(sourceInfo.clockRestarts)],
          ...[...inputParameters(source, sourceInfo.demuxer), ...parameters, "-strict", "-2"],
          ...["-f", muxers[container], fileName(scratch)],
        ],
        { signal: request.signal },
      );
      if (exitCode === 0 && !isUnfinished([stderr])) return carrying;
    }
    return "left out";
  } finally {
    await rm(scratch, { force: true });
  }
}

/** Takes cover pictures out of the source, where the container wants them as files; by their stream's index. */
export async function coverFiles(ffmpeg: Ffmpeg, request: JoinRequest): Promise<Map<number, string>> {
  const files = new Map<number, string>();
  const { source, sourceInfo, container } = request;
  if (containerTraits[container].cover !== "attachment") return files;
  for (const { index, codec, attachedPicture } of sourceInfo.streams) {
    const extension = { mjpeg: "jpg", png: "png" }[codec];
    if (!attachedPicture || !extension) continue;
    const file = besideSegments(request, `cover-${index}.${extension}`);
    const { exitCode } = await runFfmpeg(
      ffmpeg.path,
      [
        ...["-v", "error", "-y", ...inputParameters(source, sourceInfo.demuxer), "-map", `0:${index}`],
        ...["-c", "copy", "-frames:v", "1", "-f", "image2pipe", fileName(file)],
      ],
      { signal: request.signal },
    );
    if (exitCode === 0) files.set(index, file);
  }
  return files;
}
