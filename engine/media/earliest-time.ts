import type { Ffmpeg } from "./ffmpeg.ts";
import { clockParameters, inputParameters, runFfmpeg } from "./ffmpeg-process.ts";
import type { ClipInfo } from "./media-info.ts";

/**
 * Seconds at which the first packet of any sound track lies; null without sound. Sound may begin before the file's own
 * start (the lead-in of AAC in MP4 has negative times), which ffmpeg does not say when it opens the file.
 */
export async function earliestSound(ffmpeg: Ffmpeg, path: string, info: ClipInfo): Promise<number | null> {
  const tracks = info.streams.filter(({ type }) => type === "sound");
  const times = await Promise.all(tracks.map(({ index }) => firstPacket(ffmpeg, path, { info, index })));
  const known = times.filter((time) => time !== null);
  return known.length ? Math.min(...known) : null;
}

async function firstPacket(
  ffmpeg: Ffmpeg,
  path: string,
  { info, index }: { info: ClipInfo; index: number },
): Promise<number | null> {
  const { stdout } = await runFfmpeg(ffmpeg.path, [
    ...["-v", "error", ...clockParameters(info.clockRestarts), ...inputParameters(path, info.demuxer)],
    ...["-map", `0:${index}`, "-c", "copy"],
    ...["-frames:a", "1", "-avoid_negative_ts", "disabled", "-f", "framecrc", "pipe:1"],
  ]);
  const base = /^#tb 0: (\d+)\/(\d+)/m.exec(stdout);
  const time = /^0, *(-?\d+), *(-?\d+)/m.exec(stdout)?.[2];
  return base && time !== undefined ? (Number(time) * Number(base[1])) / Number(base[2]) : null;
}
