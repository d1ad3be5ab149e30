import { strict as assert } from "node:assert";
import { availableParallelism } from "node:os";
import { EngineError } from "../errors.ts";
import { isHdr } from "./colour.ts";
import type { Container, EncodeSpec, VideoCodec } from "./encoding.ts";
import type { ClipInfo, Colour } from "./media-info.ts";
import { pixelFormatOf } from "./pixel-format.ts";

export interface EncodingRequest {
  readonly container: Container;
  readonly codec?: VideoCodec | undefined;
  /** 0–100, higher is better. */
  readonly quality?: number | undefined;
  readonly preset?: string | undefined;
}

export interface EncodingChoice {
  readonly spec: EncodeSpec;
  /** What differs from the source or from what was asked, finished sentences for the user. */
  readonly notes: readonly string[];
}

/** What each container may hold of what we write. */
const codecsOf: Readonly<Record<Container, readonly VideoCodec[]>> = {
  mp4: ["h264", "hevc", "vp9", "av1"],
  mov: ["h264", "hevc", "prores_422hq", "prores_4444"],
  mkv: ["h264", "hevc", "vp9", "av1", "prores_422hq", "prores_4444", "ffv1"],
  webm: ["vp9", "av1"],
};

const x26xPresets = "ultrafast superfast veryfast faster fast medium slow slower veryslow placebo".split(" ");
const numbers = (last: number) => Array.from({ length: last + 1 }, (_, index) => String(index));

interface CodecTraits {
  /** Constant quality: the number for quality 0, for 100, and without a wish; null where there is none. */
  readonly crf: { readonly worst: number; readonly best: number; readonly usual: number } | null;
  readonly presets: readonly string[];
  readonly preset: string | null;
}

const traits: Readonly<Record<VideoCodec, CodecTraits>> = {
  h264: { crf: { worst: 40, best: 11, usual: 17 }, presets: x26xPresets, preset: "medium" },
  hevc: { crf: { worst: 42, best: 12, usual: 18 }, presets: x26xPresets, preset: "medium" },
  vp9: { crf: { worst: 56, best: 14, usual: 24 }, presets: numbers(8), preset: "2" },
  av1: { crf: { worst: 56, best: 14, usual: 24 }, presets: numbers(13), preset: "8" },
  prores_422hq: { crf: null, presets: [], preset: null },
  prores_4444: { crf: null, presets: [], preset: null },
  ffv1: { crf: null, presets: [], preset: null },
};

/** More threads than this make encoders worse for little speed. */
const maxThreads = 8;

/**
 * Decides how a clip's result is encoded; `size` is that of the result (even sides where the codec needs them). Throws `invalid_parameter` for wishes that cannot be had.
 */
export function chooseEncoding(
  info: ClipInfo,
  request: EncodingRequest,
  size: { readonly width: number; readonly height: number },
): EncodingChoice {
  const deep = info.depth === 16 || isHdr(info.colour);
  const codec = request.codec ?? usualCodec(request.container, deep);
  refuseMismatch(codec, request.container);
  const pixelFormat = pixelFormatFor(codec, info, deep);
  assertWholeChroma(pixelFormat, size);
  const spec: EncodeSpec = {
    codec,
    crf: crfFor(codec, request.quality),
    preset: presetFor(codec, request.preset),
    pixelFormat,
    colour: outputColour(info.colour, codec, pixelFormat),
    threads: Math.min(availableParallelism(), maxThreads),
    timeBase: info.timeBase,
    frameRate: info.frameRate,
    width: size.width,
    height: size.height,
    sampleAspect: info.sampleAspect,
  };
  return { spec, notes: notesOn(spec, info, request) };
}

/** Encoders take chroma for whole groups of pixels only; rounding the size down is the caller's part. */
function assertWholeChroma(pixelFormat: string, size: { readonly width: number; readonly height: number }): void {
  const { chroma } = pixelFormatOf(pixelFormat);
  assert.equal(size.width % chroma.across, 0, `the width is a multiple of ${chroma.across} for ${pixelFormat}`);
  assert.equal(size.height % chroma.down, 0, `the height is a multiple of ${chroma.down} for ${pixelFormat}`);
}

function usualCodec(container: Container, deep: boolean): VideoCodec {
  if (container === "webm") return "vp9";
  return deep ? "hevc" : "h264";
}

function refuseMismatch(codec: VideoCodec, container: Container): void {
  if (codecsOf[container].includes(codec)) return;
  const fitting = (Object.keys(codecsOf) as Container[]).filter((name) => codecsOf[name].includes(codec));
  throw new EngineError("invalid_parameter", {
    what: `codec ${codec} is not possible in ${container}.`,
    why: `${container} takes ${codecsOf[container].join(", ")}.`,
    todo: fitting.length
      ? `Choose one of these, or an output ending in ${fitting.map((name) => `.${name}`).join(" or ")}.`
      : "Choose one of these.",
    facts: { parameter: "codec", codec, container, allowed: codecsOf[container] },
  });
}

function crfFor(codec: VideoCodec, quality: number | undefined): number | null {
  const { crf } = traits[codec];
  if (!crf) return null;
  return quality === undefined ? crf.usual : Math.round(crf.worst + ((crf.best - crf.worst) * quality) / 100);
}

function presetFor(codec: VideoCodec, wish: string | undefined): string | null {
  const { presets, preset } = traits[codec];
  if (wish === undefined || presets.includes(wish)) return wish ?? preset;
  throw new EngineError("invalid_parameter", {
    what: `preset ${wish} is not possible with codec ${codec}.`,
    todo: presets.length > 0 ? `Use one of ${presets.join(", ")}, or leave it out.` : "Leave it out: it has none.",
    facts: { parameter: "preset", preset: wish, allowed: presets },
  });
}

function pixelFormatFor(codec: VideoCodec, info: ClipInfo, deep: boolean): string {
  switch (codec) {
    case "h264":
      return "yuv420p";
    case "hevc":
    case "vp9":
    case "av1":
      return deep && codec !== "vp9" ? "yuv420p10le" : "yuv420p";
    case "prores_422hq":
      return "yuv422p10le";
    case "prores_4444":
      return info.alpha ? "yuva444p10le" : "yuv444p10le";
    case "ffv1":
      if (info.alpha) return deep ? "gbrap16le" : "bgra";
      return deep ? "gbrp16le" : "bgr0";
  }
}

/** The source's colours, with the matrix a result in RGB or YUV can have; ProRes is limited range by definition. */
function outputColour(source: Colour, codec: VideoCodec, pixelFormat: string): Colour {
  if (pixelFormatOf(pixelFormat).family === "rgb") return { ...source, matrix: "gbr", range: "full" };
  const fromRgb = source.matrix === "gbr";
  const range = fromRgb || codec.startsWith("prores") ? "limited" : source.range;
  return { ...source, matrix: fromRgb ? "bt709" : source.matrix, range };
}

function notesOn(spec: EncodeSpec, info: ClipInfo, request: EncodingRequest): string[] {
  const target = pixelFormatOf(spec.pixelFormat);
  const notes: string[] = [];
  if (!request.codec && spec.codec === "hevc") {
    notes.push("The source has more than 8 bits or HDR: the result is 10-bit HEVC (codec h264 gives 8 bits).");
  }
  if (info.depth === 16 && target.depth === 8) {
    notes.push(`The source has more than 8 bits; ${spec.codec} as written here has 8 (hevc keeps 10).`);
  }
  if (isHdr(info.colour)) notes.push("The HDR tags are kept, mastering display data is not.");
  if (info.alpha && !target.alpha) {
    notes.push("Transparency was flattened on black; codec prores_4444 in .mov keeps it.");
  }
  if (request.quality !== undefined && spec.crf === null) notes.push(`quality has no meaning for codec ${spec.codec}.`);
  if (info.interlaced) notes.push("The source is interlaced; its frames were enlarged as they are.");
  return notes;
}
