import type { Ffmpeg } from "./ffmpeg.ts";
import type { Colour } from "./media-info.ts";
import { pixelFormatOf } from "./pixel-format.ts";

/** What a file says of its colours, in ffmpeg's names; null where it says nothing. */
export interface ColourTags {
  readonly matrix: string | null;
  readonly primaries: string | null;
  readonly transfer: string | null;
  readonly range: "limited" | "full" | null;
}

/** The matrices both ways of converting know, with their names there; null where zscale's name differs by release. */
const matrices: Readonly<Record<string, { zscale: string | null; scale: string }>> = {
  bt709: { zscale: "709", scale: "bt709" },
  smpte170m: { zscale: "170m", scale: "smpte170m" },
  bt470bg: { zscale: "470bg", scale: "bt601" },
  fcc: { zscale: "fcc", scale: "fcc" },
  smpte240m: { zscale: null, scale: "smpte240m" },
  bt2020nc: { zscale: "2020_ncl", scale: "bt2020" },
};

/** What goes with a matrix when the file names only that. */
const companions: Readonly<Record<string, { primaries: string; transfer: string }>> = {
  gbr: { primaries: "bt709", transfer: "bt709" },
  bt709: { primaries: "bt709", transfer: "bt709" },
  smpte170m: { primaries: "smpte170m", transfer: "smpte170m" },
  bt470bg: { primaries: "bt470bg", transfer: "smpte170m" },
  fcc: { primaries: "bt470m", transfer: "bt470m" },
  smpte240m: { primaries: "smpte240m", transfer: "smpte240m" },
  bt2020nc: { primaries: "bt2020", transfer: "bt2020-10" },
};

/** Names that both the tagging filter and the encoders of all releases take. */
const primaries = new Set("bt709 bt470m bt470bg smpte170m smpte240m film bt2020 smpte428 smpte431 smpte432".split(" "));
const transfers = new Set(
  (
    "bt709 bt470m bt470bg smpte170m smpte240m linear log100 log316 iec61966-2-4 bt1361e iec61966-2-1 " +
    "bt2020-10 bt2020-12 smpte2084 smpte428 arib-std-b67"
  ).split(" "),
);

/**
 * A clip's colours with nothing left open. What is not tagged: BT.709 over 576 lines or from 1280 pixels across, else
 * BT.601, limited range; RGB is full range.
 */
export function resolveColour(tags: ColourTags, pixelFormat: string, size: { width: number; height: number }): Colour {
  const family = pixelFormatOf(pixelFormat).family;
  const matrix = family === "rgb" ? "gbr" : knownMatrix(tags.matrix, size);
  const usual = companions[matrix] ?? { primaries: "bt709", transfer: "bt709" };
  return {
    matrix,
    primaries: tags.primaries && primaries.has(tags.primaries) ? tags.primaries : usual.primaries,
    transfer: tags.transfer && transfers.has(tags.transfer) ? tags.transfer : usual.transfer,
    range: rangeOf(tags.range, pixelFormat),
  };
}

/** Constant-luminance BT.2020 is read as the usual kind: no release converts it without more facts than files hold. */
function knownMatrix(tag: string | null, size: { width: number; height: number }): string {
  const name = tag === "bt2020c" ? "bt2020nc" : tag;
  if (name && name in matrices) return name;
  return size.height > 576 || size.width >= 1280 ? "bt709" : "smpte170m";
}

function rangeOf(tag: ColourTags["range"], pixelFormat: string): Colour["range"] {
  const { family } = pixelFormatOf(pixelFormat);
  if (family === "rgb" || pixelFormat.startsWith("yuvj")) return "full";
  // ffmpeg's own grey is full range unless tagged otherwise.
  return tag ?? (family === "grey" ? "full" : "limited");
}

/** Whether values stand for more light than a usual screen gives. */
export function isHdr(colour: Colour): boolean {
  return colour.transfer === "smpte2084" || colour.transfer === "arib-std-b67";
}

/** swscale's flags without which it is off by whole steps (its default also skips chroma between pixels). */
const exactFlags = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp";

/** The packed RGB format frames travel in between ffmpeg and us. */
export function framePixelFormat(depth: 8 | 16, alpha: boolean): "rgb24" | "rgba" | "rgb48le" | "rgba64le" {
  if (depth === 8) return alpha ? "rgba" : "rgb24";
  return alpha ? "rgba64le" : "rgb48le";
}

/**
 * The filters that turn decoded frames into full-range packed RGB. By zscale where it can (within 1 of 65535 of the
 * formula), else by scale, which rounds to 8-bit steps on the way.
 */
export function readingFilters(ffmpeg: Ffmpeg, pixelFormat: string, colour: Colour): string[] {
  const { depth, alpha, family } = pixelFormatOf(pixelFormat);
  const target = framePixelFormat(depth, alpha);
  if (family === "rgb") return [`scale=${exactFlags}`, `format=${target}`];
  const range = colour.range === "full" ? "pc" : "tv";
  const names = matrices[colour.matrix];
  if (names?.zscale && family === "yuv" && !alpha && ffmpeg.filters.has("zscale")) {
    return [
      `zscale=matrixin=${names.zscale}:rangein=${colour.range}:matrix=gbr:range=full:filter=lanczos`,
      // zscale's RGB side has to be planar; from there to packed is a mere reordering.
      `format=${depth === 8 ? "gbrp" : "gbrp16le"}`,
      `format=${target}`,
    ];
  }
  const matrix = names?.scale ?? "bt709";
  return [`scale=in_color_matrix=${matrix}:in_range=${range}:out_range=pc:${exactFlags}`, `format=${target}`];
}

/** The filters that turn our frames into what an encoder takes, tags last so that nothing after them drops them. */
export function writingFilters(
  ffmpeg: Ffmpeg,
  frames: { depth: 8 | 16 },
  target: { pixelFormat: string; colour: Colour },
): string[] {
  return [...conversionTo(ffmpeg, frames, target), tagFilter(target.colour)];
}

function conversionTo(
  ffmpeg: Ffmpeg,
  frames: { depth: 8 | 16 },
  target: { pixelFormat: string; colour: Colour },
): string[] {
  const { alpha, family } = pixelFormatOf(target.pixelFormat);
  const format = `format=${target.pixelFormat}`;
  if (family === "rgb") return [`scale=${exactFlags}`, format];
  const names = matrices[target.colour.matrix];
  if (names?.zscale && !alpha && ffmpeg.filters.has("zscale")) {
    return [
      `format=${frames.depth === 8 ? "gbrp" : "gbrp16le"}`,
      `zscale=matrixin=gbr:rangein=full:matrix=${names.zscale}:range=${target.colour.range}:chromal=left:filter=lanczos`,
      format,
    ];
  }
  const range = target.colour.range === "full" ? "pc" : "tv";
  const matrix = names?.scale ?? "bt709";
  return [`scale=in_range=pc:out_color_matrix=${matrix}:out_range=${range}:${exactFlags}`, format];
}

function tagFilter(colour: Colour): string {
  const { matrix, primaries, transfer, range } = colour;
  return `setparams=range=${range}:color_primaries=${primaries}:color_trc=${transfer}:colorspace=${matrix}`;
}

/** The encoder options with the same tags; some encoders look only at these. */
export function tagParameters(colour: Colour): string[] {
  return [
    ...["-color_primaries", colour.primaries, "-color_trc", transferOptions[colour.transfer] ?? colour.transfer],
    ...["-colorspace", colour.matrix === "gbr" ? "rgb" : colour.matrix],
    ...["-color_range", colour.range === "full" ? "pc" : "tv"],
  ];
}

/** Transfers the encoder options call otherwise than the filters do. */
const transferOptions: Readonly<Record<string, string>> = {
  bt470m: "gamma22",
  bt470bg: "gamma28",
};
