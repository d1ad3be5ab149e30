import { strict as assert } from "node:assert";
import { matrices, tagFilter } from "./colour.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import type { Colour } from "./media-info.ts";
import { pixelFormatOf } from "./pixel-format.ts";

/** Numbers in a file: how they are laid out and what they mean. */
export interface Coding {
  readonly pixelFormat: string;
  readonly colour: Colour;
}

/** Frames as the decoder gives them. */
export interface Decoded extends Coding {
  readonly width: number;
  readonly height: number;
}

/** How frames travel between ffmpeg and us: packed full-range RGB. */
export interface Travel {
  readonly depth: 8 | 16;
  readonly alpha: boolean;
}

/**
 * ffmpeg's filters on one thread: zscale on several cuts frames into as many strips and filters chroma in each alone,
 * which shows at their edges and makes the result depend on the machine.
 */
export const filterThreads = ["-filter_threads", "1"];

/** The packed RGB format frames travel in. */
export function framePixelFormat({ depth, alpha }: Travel): "rgb24" | "rgba" | "rgb48le" | "rgba64le" {
  if (depth === 8) return alpha ? "rgba" : "rgb24";
  return alpha ? "rgba64le" : "rgb48le";
}

/**
 * The bits a channel frames travel with: 16 where the source or the result has more than 8, or where rounding is to be
 * dithered; and where 8 bits of RGB are coarser than those of the source, which they are for full-range YUV.
 */
export function travelDepth(source: Coding, result: { pixelFormat: string; dither: boolean }): 8 | 16 {
  const { depth, family } = pixelFormatOf(source.pixelFormat);
  const fine = family === "yuv" ? source.colour.range === "full" : family === "grey" && source.colour.range !== "full";
  return depth === 16 || fine || result.dither || pixelFormatOf(result.pixelFormat).depth === 16 ? 16 : 8;
}

/** swscale's flags without which it is off by whole steps (its default also skips chroma between pixels). */
const exactFlags = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp";

/** zscale from RGB to RGB: changes the number of bits with true rounding, which scale does not. */
const rgbToRgb = "zscale=matrixin=0:rangein=full:matrix=0:range=full";

/** Planar RGB of so many bits a channel; what zscale has at its RGB side. */
const planar = (bits: number) => (bits === 8 ? "gbrp" : `gbrp${bits}le`);

/**
 * The filter graph (one input, one output) that turns decoded frames into full-range packed RGB. By zscale where there
 * is one (within 1 of 65535 of the formula), else by scale, which rounds to 8-bit steps on the way.
 */
export function readingFilters(ffmpeg: Ffmpeg, source: Decoded, travel: Travel): string {
  const target = framePixelFormat(travel);
  if (!ffmpeg.filters.has("zscale")) return [scaleToRgb(source), `format=${target}`].join();
  const colour = [...toRgb(source, travel.depth), `format=${planar(travel.depth)}`].join();
  if (!travel.alpha) return `${colour},format=${target}`;
  const alpha = [...alphaPlane(source.pixelFormat, travel.depth), `format=${planar(travel.depth)}`].join();
  const merged = travel.depth === 8 ? "gbrap" : "gbrap16le";
  return `format=${source.pixelFormat},${beside(colour, alpha, merged)},format=${target}`;
}

/**
 * What is to be done with the colour of frames and with their alpha, each by itself: zscale knows no alpha. Both end in
 * the same format, else ffmpeg converts one of them, squeezing alpha into limited range. The format in front must be
 * pinned, or older releases find none for both halves.
 */
function beside(colour: string, alpha: string, merged: string): string {
  // Planes 0 to 2 of the first, plane 0 of the second.
  return `split[c][a];[c]${colour}[colour];[a]${alpha}[alpha];[colour][alpha]mergeplanes=0x00010210:${merged}`;
}

/** Alpha as a grey picture: it takes its range from its frames, so these are called full-range first. */
const alphaOut = "setparams=range=pc,extractplanes=a";

/** The same of decoded frames. Not all releases take it out of YUV with 12 bits; with 16 they do, and widen it rightly. */
function alphaPlane(pixelFormat: string, depth: 8 | 16): string[] {
  const { bits } = pixelFormatOf(pixelFormat);
  if (bits === 8) return [alphaOut, ...(depth === 8 ? [] : ["format=gbrp", rgbToRgb])];
  const wide = pixelFormat.startsWith("yuva") ? [`format=${pixelFormat.replace(/\d+(le|be)$/, "16le")}`] : [];
  return [...wide, alphaOut, "format=gray16le"];
}

function toRgb(source: Decoded, depth: 8 | 16): string[] {
  const { pixelFormat, colour } = source;
  const { family, bits, alpha } = pixelFormatOf(pixelFormat);
  if (family === "yuv") {
    return [
      ...(alpha ? [`format=${opaque(pixelFormat)}`] : []),
      ...wholeChroma(source),
      // Primaries and transfer stay as they are; zscale refuses some that it does not know, even so. Where chroma lies
      // it learns from the frames themselves.
      "setparams=color_primaries=unknown:color_trc=unknown",
      `zscale=matrixin=${codeOf(colour)}:rangein=${colour.range}:matrix=0:range=full:filter=lanczos`,
    ];
  }
  const range = `zscale=matrixin=0:rangein=${colour.range}:matrix=0:range=full`;
  const change = depth !== bits || colour.range === "limited" ? [range] : [];
  return [...(alpha ? withoutAlpha(bits) : [`format=${planar(bits)}`]), ...change];
}

/** Planes of RGB without their alpha, bit by bit: swscale's way from planar to planar is not exact above 8 bits. */
function withoutAlpha(bits: number): string[] {
  return [`format=${planar(bits).replace("gbrp", "gbrap")}`, `mergeplanes=0x000102:${planar(bits)}`];
}

/**
 * zscale takes only sizes that are whole groups of pixels of a chroma sample. For others scale gives each pixel a
 * sample of its own first, with 16 bits, from where chroma usually lies.
 */
function wholeChroma({ pixelFormat, colour, width, height }: Decoded): string[] {
  const { across, down } = pixelFormatOf(pixelFormat).chroma;
  if (width % across === 0 && height % down === 0) return [];
  const range = colour.range === "full" ? "pc" : "tv";
  const flags = exactFlags.replace("bicubic", "lanczos");
  return [`scale=in_h_chr_pos=0:in_v_chr_pos=128:in_range=${range}:out_range=${range}:${flags}`, "format=yuv444p16le"];
}

function codeOf(colour: Colour): number {
  const matrix = matrices[colour.matrix];
  assert.ok(matrix, "colours are resolved to a known matrix");
  return matrix.code;
}

/** A pixel format without its alpha; packed ones are left to ffmpeg. */
function opaque(pixelFormat: string): string {
  if (pixelFormat.startsWith("ayuv64")) return "yuv444p16le";
  if (pixelFormat.startsWith("vuya")) return "yuv444p";
  return pixelFormat
    .replace(/^yuva/, "yuv")
    .replace(/^gbrap/, "gbrp")
    .replace(/^bgra$/, "bgr0");
}

function scaleToRgb({ pixelFormat, colour }: Coding): string {
  if (pixelFormatOf(pixelFormat).family === "rgb") return `scale=${exactFlags}`;
  const matrix = matrices[colour.matrix]?.scale ?? "bt709";
  return `scale=in_color_matrix=${matrix}:in_range=${colour.range === "full" ? "pc" : "tv"}:out_range=pc:${exactFlags}`;
}

/** The filter graph that turns our frames into what an encoder takes, tagged. */
export function writingFilters(ffmpeg: Ffmpeg, travel: Travel, target: Coding & { dither: boolean }): string {
  return `${fromRgb(ffmpeg, travel, target)},${tagFilter(target.colour)}`;
}

function fromRgb(ffmpeg: Ffmpeg, travel: Travel, target: Coding & { dither: boolean }): string {
  const { pixelFormat } = target;
  const { alpha, bits, family } = pixelFormatOf(pixelFormat);
  if (!ffmpeg.filters.has("zscale")) return [scaleFromRgb(target), `format=${pixelFormat}`].join();
  const colour = [`format=${planar(travel.depth)}`, ...toTarget(travel.depth, target)].join();
  if (!travel.alpha || !alpha) return `${colour},format=${pixelFormat}`;
  // A grey of full range is luma of full range, whatever the matrix.
  const full = { ...target, colour: { ...target.colour, range: "full" as const }, dither: false };
  // Called what the colour is, or new releases make its range that of the colour.
  const called = `setparams=range=${target.colour.range === "full" ? "pc" : "tv"}`;
  const plane = [alphaOut, `format=${planar(travel.depth)}`, ...toTarget(travel.depth, full), called].join();
  const merged = family === "rgb" ? planar(bits).replace("gbrp", "gbrap") : pixelFormat;
  return `format=${framePixelFormat(travel)},${beside(colour, plane, merged)},format=${pixelFormat}`;
}

/** Colour as planes of the target: those of RGB, or its own without alpha. */
function toTarget(depth: 8 | 16, { pixelFormat, colour, dither }: Coding & { dither: boolean }): string[] {
  const { bits, family } = pixelFormatOf(pixelFormat);
  const dithering = dither && bits === 8 ? ":dither=error_diffusion" : "";
  if (family === "rgb") return bits === depth ? [] : [`${rgbToRgb}${dithering}`, `format=${planar(bits)}`];
  const meaning = `matrix=${codeOf(colour)}:range=${colour.range}:chromal=${colour.chroma}`;
  return [`zscale=matrixin=0:rangein=full:${meaning}:filter=lanczos${dithering}`, `format=${opaque(pixelFormat)}`];
}

function scaleFromRgb({ pixelFormat, colour }: Coding): string {
  if (pixelFormatOf(pixelFormat).family === "rgb") return `scale=${exactFlags}`;
  const matrix = matrices[colour.matrix]?.scale ?? "bt709";
  return `scale=in_range=pc:out_color_matrix=${matrix}:out_range=${colour.range === "full" ? "pc" : "tv"}:${exactFlags}`;
}
