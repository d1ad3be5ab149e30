import type { Ffmpeg } from "./ffmpeg.ts";
import { inputParameters, runFfmpeg } from "./ffmpeg-process.ts";
import type { FieldOrder } from "./media-info.ts";

/** Codecs whose streams cannot say that they are interlaced, so that their silence means nothing. */
const silent = new Set(
  "ffv1 huffyuv ffvhuff utvideo magicyuv lagarith rawvideo v210 v410 r210 mjpeg cfhd png qtrle".split(" "),
);

/** Whether frames of a codec are marked where they are interlaced. */
export function marksFields(codec: string): boolean {
  return !silent.has(codec);
}

/** Enough to be sure; decoded in well under a second. */
const framesLookedAt = 30;

/**
 * Judges by the first frames whether a clip is interlaced (ffmpeg's idet). Only sizes that interlaced clips have are
 * looked at: 240 to 1088 lines, at most 1920 across. What does not answer in time is taken for progressive.
 */
export async function detectFields(
  ffmpeg: Ffmpeg,
  file: { readonly path: string; readonly demuxer: string },
  { size, patience }: { size: { width: number; height: number }; patience: number },
): Promise<FieldOrder> {
  if (size.height < 240 || size.height > 1088 || size.width > 1920 || !ffmpeg.filters.has("idet")) return "progressive";
  const { stderr } = await runFfmpeg(
    ffmpeg.path,
    [
      ...["-hide_banner", ...inputParameters(file.path, file.demuxer), "-map", "0:V:0"],
      ...["-frames:v", String(framesLookedAt), "-vf", "idet=intl_thres=1.3", "-f", "null", "-"],
    ],
    { timeout: patience },
  );
  // The usual threshold, 1.04, takes fine horizontal patterns for fields.
  // New releases print it twice, first before they have seen anything.
  const said = /Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+)/g;
  const counts = [...stderr.matchAll(said)].at(-1) ?? [];
  const [top = 0, bottom = 0, progressive = 0] = counts.slice(1).map(Number);
  // At least a few frames, nearly all of them alike: fine horizontal patterns deceive it now and then.
  const most = Math.max(top, bottom);
  if (most < 4 || most < 4 * (progressive + Math.min(top, bottom))) return "progressive";
  return top > bottom ? "top first" : "bottom first";
}
