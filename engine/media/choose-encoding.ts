import { strict as assert } from "node:assert";
import { availableParallelism } from "node:os";
import { EngineError } from "../errors.ts";
import { isHdr } from "./colour.ts";
import { type Encoder, encodersOf } from "./encoders.ts";
import type { ClipFormat, EncodeSpec, VideoCodec } from "./encoding.ts";
import type { ClipInfo, Colour } from "./media-info.ts";
import { pixelFormatOf } from "./pixel-format.ts";

export interface EncodingRequest {
  readonly container: ClipFormat;
  readonly codec?: VideoCodec | undefined;
  /** 0–100, higher is better. */
  readonly quality?: number | undefined;
  readonly preset?: string | undefined;
  /** What the ffmpeg there has; without it any encoder is taken for there. */
  readonly encoders?: ReadonlySet<string> | undefined;
  readonly dither?: boolean | undefined;
  /** Asked of the reader; only mentioned here. */
  readonly deinterlace?: boolean | undefined;
}

export interface EncodingChoice {
  readonly spec: EncodeSpec;
  /** What differs from the source or from what was asked, finished sentences for the user. */
  readonly notes: readonly string[];
}

/** What each container may hold of what we write. */
const codecsOf: Readonly<Record<ClipFormat, readonly VideoCodec[]>> = {
  mp4: ["h264", "hevc", "vp9", "av1"],
  mov: ["h264", "hevc", "prores_422hq", "prores_4444"],
  mkv: ["h264", "hevc", "vp9", "av1", "prores_422hq", "prores_4444", "ffv1"],
  webm: ["vp9", "av1"],
  png: ["png_sequence"],
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
  const encoder = encoderFor(codec, request, size);
  const beside = keepsAlphaBeside(codec, info, request.container);
  const pixelFormat = beside ? "yuva420p" : pixelFormatFor(codec, info, deep);
  assertWholeChroma(pixelFormat, size);
  const spec: EncodeSpec = {
    codec,
    encoder: encoder.name,
    quality: qualityFor(encoder, request.quality),
    preset: presetFor(codec, encoder, request.preset),
    pixelFormat,
    colour: outputColour(info, codec, pixelFormat),
    ...(encoder.writesHdr && info.mastering && { mastering: info.mastering }),
    ...(encoder.writesHdr && info.light && { light: info.light }),
    dither: request.dither === true && pixelFormatOf(pixelFormat).depth === 8,
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

function usualCodec(container: ClipFormat, deep: boolean): VideoCodec {
  if (container === "webm") return "vp9";
  if (container === "png") return "png_sequence";
  return deep ? "hevc" : "h264";
}

function refuseMismatch(codec: VideoCodec, container: ClipFormat): void {
  if (codecsOf[container].includes(codec)) return;
  const fitting = (Object.keys(codecsOf) as ClipFormat[]).filter((name) => codecsOf[name].includes(codec));
  const ending = fitting.map((name) => `.${name}`).join(" or ");
  throw new EngineError("invalid_parameter", {
    what: `codec ${codec} is not possible in ${container}.`,
    why: `${container} takes ${codecsOf[container].join(", ")}.`,
    todo:
      codec === "png_sequence"
        ? "Choose one of these, or as the output a folder without an extension."
        : `Choose one of these, or an output ending in ${ending}.`,
    facts: { parameter: "codec", codec, container, allowed: codecsOf[container] },
  });
}

/** The best encoder of a codec that the ffmpeg has and that takes frames of this size. */
function encoderFor(
  codec: VideoCodec,
  { container, encoders }: EncodingRequest,
  { width, height }: { width: number; height: number },
): Encoder {
  const side = Math.min(width, height);
  const found = encodersOf[codec].find(
    ({ name, shortest = 0 }) => side >= shortest && (!encoders || encoders.has(name)),
  );
  if (found) return found;
  const has = (each: VideoCodec) => encodersOf[each].some(({ name }) => encoders?.has(name));
  const possible = codecsOf[container].filter(has);
  const names = encodersOf[codec].map(({ name }) => name);
  throw new EngineError("invalid_parameter", {
    what: `The ffmpeg here cannot encode ${codec} (it has no ${names.join(" or ")}).`,
    todo: `${possible.length ? `Choose a codec it has for ${container}: ${possible.join(", ")}` : "Choose another output format"}; or set FFMPEG_PATH to an ffmpeg that has ${names[0]}.`,
    facts: { parameter: "codec", codec, encoders: names, allowed: possible },
  });
}

function qualityFor({ scale }: Encoder, wish: number | undefined): number | null {
  if (!scale) return null;
  return wish === undefined ? scale.usual : Math.round(scale.worst + ((scale.best - scale.worst) * wish) / 100);
}

function presetFor(codec: VideoCodec, { name, presets, preset }: Encoder, wish: string | undefined): string | null {
  if (wish === undefined || presets.includes(wish)) return wish ?? preset;
  throw new EngineError("invalid_parameter", {
    what: `preset ${wish} is not possible with codec ${codec}.`,
    todo:
      presets.length > 0
        ? `Use one of ${presets.join(", ")} (those of ${name}), or leave it out.`
        : "Leave it out: it has none.",
    facts: { parameter: "preset", preset: wish, allowed: presets },
  });
}

/** What lossless codecs take, without and with alpha. */
const rgbFormats = {
  ffv1: { usual: ["bgr0", "bgra"], deep: ["gbrp16le", "gbrap16le"] },
  png_sequence: { usual: ["rgb24", "rgba"], deep: ["rgb48be", "rgba64be"] },
} as const;

function pixelFormatFor(codec: VideoCodec, info: ClipInfo, deep: boolean): string {
  switch (codec) {
    case "h264":
      return "yuv420p";
    case "hevc":
    case "vp9":
    case "av1":
      return deep ? "yuv420p10le" : "yuv420p";
    case "prores_422hq":
      return "yuv422p10le";
    case "prores_4444":
      return info.alpha ? "yuva444p10le" : "yuv444p10le";
    case "ffv1":
    case "png_sequence": {
      // YUV of 8 bits fills more than 8 bits of RGB, and what FFV1 is asked for is that nothing gets lost.
      const fine = codec === "ffv1" && pixelFormatOf(info.pixelFormat).family === "yuv";
      return rgbFormats[codec][deep || fine ? "deep" : "usual"][info.alpha ? 1 : 0];
    }
  }
}

/** Matroska has a place for alpha beside VP9's frames, and libvpx makes it with 8 bits only. */
function keepsAlphaBeside(codec: VideoCodec, { alpha }: ClipInfo, container: ClipFormat): boolean {
  return alpha && codec === "vp9" && container !== "mp4";
}

/** The source's colours, with the matrix a result in RGB or YUV can have; ProRes is limited range by definition. */
function outputColour(info: ClipInfo, codec: VideoCodec, pixelFormat: string): Colour {
  const { colour } = info;
  const target = pixelFormatOf(pixelFormat);
  if (target.family === "rgb") return { ...colour, matrix: "gbr", range: "full", chroma: "left" };
  const fromRgb = colour.matrix === "gbr";
  const range = fromRgb || codec.startsWith("prores") ? "limited" : colour.range;
  return { ...colour, matrix: fromRgb ? "bt709" : colour.matrix, range, chroma: chromaPosition(info, codec) };
}

/** Left, where players expect it without being told; but where UHD has it, if the source does and it can be said. */
function chromaPosition({ colour, pixelFormat }: ClipInfo, codec: VideoCodec): Colour["chroma"] {
  const reduced = pixelFormatOf(pixelFormat).chroma.down === 2;
  return colour.chroma === "topleft" && reduced && (codec === "hevc" || codec === "h264") ? "topleft" : "left";
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
  if (isHdr(info.colour)) notes.push(hdrNote(spec, info));
  if (info.alpha && !target.alpha) {
    notes.push("Transparency was flattened on black; codec prores_4444 in .mov keeps it, vp9 in .webm too.");
  }
  if (request.quality !== undefined && spec.quality === null)
    notes.push(`quality has no meaning for codec ${spec.codec}.`);
  if (request.dither && target.depth > 8) notes.push("dither has no effect: the result has more than 8 bits.");
  return [...notes, ...fieldNotes(info, request)];
}

function hdrNote(spec: EncodeSpec, { mastering, light }: ClipInfo): string {
  const kept = !(mastering || light)
    ? "the tags are kept"
    : spec.mastering || spec.light
      ? "tags, mastering data and light levels are kept"
      : `the tags are kept, the mastering data is not (codec hevc keeps it)`;
  return `The source is HDR: the network sees its coded values like those of any clip; ${kept}.`;
}

function fieldNotes({ fields }: ClipInfo, { deinterlace }: EncodingRequest): string[] {
  if (fields === "progressive") {
    return deinterlace ? ["The source does not look interlaced; it was deinterlaced all the same, as asked."] : [];
  }
  return deinterlace
    ? [`The source is interlaced (${fields}); each frame was made whole first, at the same frame rate.`]
    : ["The source is interlaced; its frames were enlarged as they are (deinterlace makes them whole first)."];
}
