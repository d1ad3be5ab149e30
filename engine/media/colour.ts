import { EngineError } from "../errors.ts";
import type { ChromaPosition, Colour } from "./media-info.ts";
import { pixelFormatOf } from "./pixel-format.ts";

/** What a file says of its colours, in ffmpeg's names; null where it says nothing. */
export interface ColourTags {
  readonly matrix: string | null;
  readonly primaries: string | null;
  readonly transfer: string | null;
  readonly range: "limited" | "full" | null;
  readonly chroma: ChromaPosition | null;
}

/**
 * The matrices that can be converted. zscale gets their code point (ITU-T H.273), because its names differ by release;
 * scale knows fewer. Constant luminance, ICtCp and the derived ones need facts that files do not hold.
 */
export const matrices: Readonly<Record<string, { code: number; scale: string | null }>> = {
  bt709: { code: 1, scale: "bt709" },
  fcc: { code: 4, scale: "fcc" },
  bt470bg: { code: 5, scale: "bt601" },
  smpte170m: { code: 6, scale: "smpte170m" },
  smpte240m: { code: 7, scale: "smpte240m" },
  ycgco: { code: 8, scale: null },
  bt2020nc: { code: 9, scale: "bt2020" },
};

/** What goes with a matrix when the file names only that. */
const companions: Readonly<Record<string, { primaries: string; transfer: string }>> = {
  bt470bg: { primaries: "bt470bg", transfer: "smpte170m" },
  smpte170m: { primaries: "smpte170m", transfer: "smpte170m" },
  fcc: { primaries: "bt470m", transfer: "bt470m" },
  smpte240m: { primaries: "smpte240m", transfer: "smpte240m" },
  bt2020nc: { primaries: "bt2020", transfer: "bt2020-10" },
};

/** Names that both the tagging filter and the encoders of all releases take. */
const primaries = new Set(
  "bt709 bt470m bt470bg smpte170m smpte240m film bt2020 smpte428 smpte431 smpte432 jedec-p22".split(" "),
);
const transfers = new Set(
  (
    "bt709 bt470m bt470bg smpte170m smpte240m linear log100 log316 iec61966-2-4 bt1361e iec61966-2-1 " +
    "bt2020-10 bt2020-12 smpte2084 smpte428 arib-std-b67"
  ).split(" "),
);

/** Newer releases call these otherwise; the old name is understood by all. */
const olderNames: Readonly<Record<string, string>> = { ebu3213: "jedec-p22" };

/**
 * A clip's colours with nothing left open. What is not tagged: BT.709 over 576 lines or from 1280 pixels across, else
 * BT.601, limited range, chroma on the left; RGB is full range. Throws `unreadable_media` where the file names a matrix
 * that cannot be converted.
 */
export function resolveColour(tags: ColourTags, pixelFormat: string, size: { width: number; height: number }): Colour {
  const family = pixelFormatOf(pixelFormat).family;
  const matrix = family === "yuv" ? knownMatrix(tags.matrix, size) : "gbr";
  const usual = companions[matrix] ?? { primaries: "bt709", transfer: "bt709" };
  const named = tags.primaries && (olderNames[tags.primaries] ?? tags.primaries);
  return {
    matrix,
    primaries: named && primaries.has(named) ? named : usual.primaries,
    transfer: tags.transfer && transfers.has(tags.transfer) ? tags.transfer : usual.transfer,
    range: rangeOf(tags.range, pixelFormat),
    chroma: tags.chroma ?? "left",
  };
}

function knownMatrix(tag: string | null, size: { width: number; height: number }): string {
  // "gbr" on a clip that is not RGB is a mistake of whoever tagged it.
  if (tag === null || tag === "gbr") return size.height > 576 || size.width >= 1280 ? "bt709" : "smpte170m";
  if (tag in matrices) return tag;
  throw new EngineError("unreadable_media", {
    what: `The clip's colours are coded with the matrix ${tag}, which cannot be converted here.`,
    why: `Possible are ${Object.keys(matrices).join(", ")}; guessing would change its colours.`,
    todo: "Convert the clip to BT.709 or BT.2020 (non-constant luminance) first.",
    facts: { matrix: tag, allowed: Object.keys(matrices) },
  });
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

/** The filter that tags frames; the last one, because others drop what it says. */
export function tagFilter(colour: Colour): string {
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
