import { strict as assert } from "node:assert";
import { tagParameters } from "./colour.ts";
import { encodersOf } from "./encoders.ts";
import type { TimeBase } from "./frame.ts";
import type { Colour, ContentLight, MasteringDisplay, Ratio } from "./media-info.ts";
import { pixelFormatOf } from "./pixel-format.ts";

export type VideoCodec = "h264" | "hevc" | "vp9" | "av1" | "prores_422hq" | "prores_4444" | "ffv1" | "png_sequence";

/** Files that hold a clip. */
export type Container = "mp4" | "mov" | "mkv" | "webm";

/** What a clip may become: a file, or a folder of pictures in PNG. */
export type ClipFormat = Container | "png";

/** ffmpeg's names of the containers. */
export const muxers: Readonly<Record<Container, string>> = { mp4: "mp4", mov: "mov", mkv: "matroska", webm: "webm" };

/**
 * How a task's frames are encoded: a plain value kept in the task's manifest, the same for all its segments, so that
 * they can be joined and a resumed task gives the same bytes.
 */
export interface EncodeSpec {
  readonly codec: VideoCodec;
  /** ffmpeg's encoder for it. */
  readonly encoder: string;
  /** The encoder's own constant-quality number, lower is better; null for codecs without one. */
  readonly quality: number | null;
  readonly preset: string | null;
  readonly pixelFormat: string;
  readonly colour: Colour;
  /** Only where the encoder can write it. */
  readonly mastering?: MasteringDisplay;
  readonly light?: ContentLight;
  /** Where frames have more bits than the result: spreads rounding errors, rather than making steps. */
  readonly dither: boolean;
  /** Fixed, because what encoders write depends on it. */
  readonly threads: number;
  readonly timeBase: TimeBase;
  /** Of the whole clip, told to encoders: what they would guess from a segment's first frames differs. */
  readonly frameRate: number;
  readonly width: number;
  readonly height: number;
  readonly sampleAspect: Ratio;
}

/** Whether the codec keeps alpha beside its frames, as pictures of their own, and not among their planes. */
export function hasAlphaBeside({ codec, pixelFormat }: EncodeSpec): boolean {
  return codec === "vp9" && pixelFormatOf(pixelFormat).alpha;
}

/** The parameters that select and set up the encoder, colour tags included. */
export function encoderParameters(spec: EncodeSpec): string[] {
  const encoder = encodersOf[spec.codec].find(({ name }) => name === spec.encoder);
  assert(encoder, "a spec names an encoder of its codec");
  return [
    ...["-c:v", encoder.name, ...encoder.parameters(spec)],
    ...["-threads", String(spec.threads), "-pix_fmt", spec.pixelFormat, ...tagParameters(spec.colour)],
  ];
}
