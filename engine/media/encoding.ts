import type { TimeBase } from "./frame.ts";
import type { Colour, Ratio } from "./media-info.ts";
import { tagParameters } from "./colour.ts";

const videoCodecs = ["h264", "hevc", "vp9", "av1", "prores_422hq", "prores_4444", "ffv1"] as const;
export type VideoCodec = (typeof videoCodecs)[number];

const containers = ["mp4", "mov", "mkv", "webm"] as const;
export type Container = (typeof containers)[number];

/** ffmpeg's names of the containers. */
export const muxers: Readonly<Record<Container, string>> = { mp4: "mp4", mov: "mov", mkv: "matroska", webm: "webm" };

/**
 * How a task's frames are encoded: a plain value kept in the task's manifest, the same for all its segments, so that
 * they can be joined and a resumed task gives the same bytes.
 */
export interface EncodeSpec {
  readonly codec: VideoCodec;
  /** The encoder's own constant-quality number, lower is better; null for codecs without one. */
  readonly crf: number | null;
  readonly preset: string | null;
  readonly pixelFormat: string;
  readonly colour: Colour;
  /** Fixed, because what encoders write depends on it. */
  readonly threads: number;
  readonly timeBase: TimeBase;
  /** Of the whole clip, told to encoders: what they would guess from a segment's first frames differs. */
  readonly frameRate: number;
  readonly width: number;
  readonly height: number;
  readonly sampleAspect: Ratio;
}

/** The ffmpeg encoder of each codec. */
export const encoderNames: Readonly<Record<VideoCodec, string>> = {
  h264: "libx264",
  hevc: "libx265",
  vp9: "libvpx-vp9",
  av1: "libsvtav1",
  prores_422hq: "prores_ks",
  prores_4444: "prores_ks",
  ffv1: "ffv1",
};

/** The parameters that select and set up the encoder, colour tags included. */
export function encoderParameters(spec: EncodeSpec): string[] {
  const crf = spec.crf === null ? [] : ["-crf", String(spec.crf)];
  const threads = String(spec.threads);
  return [
    ...["-c:v", encoderNames[spec.codec], ...crf],
    ...ownParameters(spec, threads),
    ...["-threads", threads, "-pix_fmt", spec.pixelFormat, ...tagParameters(spec.colour)],
  ];
}

function ownParameters(spec: EncodeSpec, threads: string): string[] {
  const preset = spec.preset ?? "";
  // Older releases take ticks for frames here, and levels come out far too high for players.
  const rate = `fps=${spec.frameRate.toFixed(3)}`;
  switch (spec.codec) {
    case "h264":
      return ["-preset", preset, "-x264-params", rate];
    case "hevc":
      // x265 takes its threads here only, and would choose those of frames by the machine it runs on.
      return ["-preset", preset, "-x265-params", `log-level=error:pools=${threads}:frame-threads=2:${rate}`];
    case "vp9":
      return ["-b:v", "0", "-deadline", "good", "-cpu-used", preset, "-row-mt", "1"];
    case "av1":
      return ["-preset", preset, "-svtav1-params", `lp=${threads}`];
    case "prores_422hq":
      return ["-profile:v", "3", "-vendor", "apl0"];
    case "prores_4444":
      return ["-profile:v", "4", "-vendor", "apl0"];
    case "ffv1":
      return ["-level", "3", "-g", "1", "-slices", "4", "-slicecrc", "1"];
  }
}
