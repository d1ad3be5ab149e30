import { EngineError } from "../errors.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { ffmpegDied, inputParameters, spawnFfmpeg } from "./ffmpeg-process.ts";
import { readPacketTable } from "./packets.ts";

export interface FrameCount {
  readonly frames: number;
  /** From the first frame to the last; null where times are not part of what was counted. */
  readonly seconds: number | null;
  /** Whether all of the picture decoded without an error. */
  readonly sound: boolean;
  /** ffmpeg's last words, also those on streams that were not decoded: damaged sound is copied as it is. */
  readonly errors: readonly string[];
}

/** Decodes the first video stream of a clip once, to know how many frames it really has and whether they are sound. */
export async function countFrames(
  ffmpeg: Ffmpeg,
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<FrameCount> {
  const process = spawnFfmpeg(
    ffmpeg.path,
    [
      ...["-v", "error", "-xerror", ...inputParameters(path), "-map", "0:V:0"],
      // Without it the default rate mode drops and doubles frames of clips with irregular times.
      // Microseconds, because in ticks of the average rate two frames may have one time.
      ...[...ffmpeg.passthrough, "-enc_time_base", "1:1000000", "-f", "framecrc", "pipe:1"],
    ],
    { feeds: false, signal: options.signal },
  );
  const [table, end] = await Promise.all([readPacketTable(process), process.ended]);
  if (options.signal?.aborted) throw new EngineError("cancelled", { what: `Checking ${path} was cancelled.` });
  if (end.signal) throw ffmpegDied(`it checked ${path}`, end.signal, process.lastLines());
  return { frames: table.count, seconds: table.span / 1e6, sound: end.code === 0, errors: process.lastLines() };
}
