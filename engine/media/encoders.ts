import type { EncodeSpec, VideoCodec } from "./encoding.ts";
import { pixelFormatOf } from "./pixel-format.ts";

/** One of ffmpeg's encoders as we use it. */
export interface Encoder {
  /** ffmpeg's name. */
  readonly name: string;
  /** The encoder's own number for quality 0, for 100, and without a wish; null where there is none. */
  readonly scale: { readonly worst: number; readonly best: number; readonly usual: number } | null;
  /** From fast to slow, or the other way round, as the encoder counts; none where it has none. */
  readonly presets: readonly string[];
  readonly preset: string | null;
  /** Whether it writes what an HDR clip says of itself. */
  readonly writesHdr?: boolean;
  /** Shortest side it takes, in pixels; none where it takes all. */
  readonly shortest?: number;
  /** Its parameters for a spec, threads and pixel format aside. */
  readonly parameters: (spec: EncodeSpec) => readonly string[];
}

const x26xPresets = "ultrafast superfast veryfast faster fast medium slow slower veryslow placebo".split(" ");
const numbers = (last: number) => Array.from({ length: last + 1 }, (_, index) => String(index));

/** Older releases take ticks for frames here, and levels come out far too high for players. */
const rateOf = ({ frameRate }: EncodeSpec) => `fps=${frameRate.toFixed(3)}`;
const crf = ({ quality }: EncodeSpec) => ["-crf", String(quality)];
const preset = (spec: EncodeSpec) => spec.preset ?? "";
const unscaled = { scale: null, presets: [], preset: null } as const;
const prores = (profile: string): Encoder => ({
  ...unscaled,
  name: "prores_ks",
  parameters: () => ["-profile:v", profile, "-vendor", "apl0"],
});

/** x264's and x265's option; without it chroma is on the left. */
const chromaPosition = ({ colour }: EncodeSpec) => (colour.chroma === "topleft" ? ":chromaloc=2" : "");

/** An encoder's names for what an HDR clip says of itself, and how many of our steps make one of its units. */
interface HdrWords {
  readonly display: string;
  readonly light: string;
  readonly place: number;
  readonly luminance: number;
}

const x265Words: HdrWords = { display: "master-display", light: "max-cll", place: 1, luminance: 1 };
/** SVT-AV1 takes coordinates of CIE 1931 and cd/m² as they are. */
const svtWords: HdrWords = {
  ...{ display: "mastering-display", light: "content-light" },
  ...{ place: 50_000, luminance: 10_000 },
};

/** The options for what an HDR clip says of itself. */
function hdrOptions({ mastering, light }: EncodeSpec, words: HdrWords): string {
  const point = ([x, y]: readonly [number, number]) => `(${x / words.place},${y / words.place})`;
  const level = (value: number) => value / words.luminance;
  const display = mastering
    ? `:${words.display}=G${point(mastering.green)}B${point(mastering.blue)}R${point(mastering.red)}` +
      `WP${point(mastering.white)}L(${level(mastering.luminance.max)},${level(mastering.luminance.min)})`
    : "";
  return display + (light ? `:${words.light}=${light.max},${light.average}` : "");
}

/** The encoders each codec can be written with, the better ones first. */
export const encodersOf: Readonly<Record<VideoCodec, readonly Encoder[]>> = {
  h264: [
    {
      ...{ name: "libx264", scale: { worst: 40, best: 11, usual: 17 }, presets: x26xPresets, preset: "medium" },
      parameters: (spec) => [
        ...crf(spec),
        "-preset",
        preset(spec),
        "-x264-params",
        rateOf(spec) + chromaPosition(spec),
      ],
    },
  ],
  hevc: [
    {
      writesHdr: true,
      ...{ name: "libx265", scale: { worst: 42, best: 12, usual: 18 }, presets: x26xPresets, preset: "medium" },
      parameters: (spec) => {
        // x265 takes its threads here only, and would choose those of frames by the machine it runs on.
        const own = `log-level=error:pools=${spec.threads}:frame-threads=2:${rateOf(spec)}`;
        return [
          ...crf(spec),
          "-preset",
          preset(spec),
          "-x265-params",
          own + chromaPosition(spec) + hdrOptions(spec, x265Words),
        ];
      },
    },
  ],
  vp9: [
    {
      ...{ name: "libvpx-vp9", scale: { worst: 56, best: 14, usual: 24 }, presets: numbers(8), preset: "2" },
      parameters: (spec) => [
        ...[...crf(spec), "-b:v", "0", "-deadline", "good"],
        ...["-cpu-used", preset(spec), "-row-mt", "1"],
        // Frames that are not shown would have no alpha to go with.
        ...(pixelFormatOf(spec.pixelFormat).alpha ? ["-auto-alt-ref", "0"] : []),
      ],
    },
  ],
  av1: [
    {
      ...{ shortest: 64, writesHdr: true },
      ...{ name: "libsvtav1", scale: { worst: 56, best: 14, usual: 24 }, presets: numbers(13), preset: "8" },
      parameters: (spec) => {
        const own = `lp=${spec.threads}${hdrOptions(spec, svtWords)}`;
        return [...crf(spec), "-preset", preset(spec), "-svtav1-params", own];
      },
    },
    {
      ...{ name: "libaom-av1", scale: { worst: 56, best: 14, usual: 24 }, presets: numbers(8), preset: "6" },
      parameters: (spec) => [...crf(spec), "-b:v", "0", "-cpu-used", preset(spec), "-row-mt", "1"],
    },
    {
      ...{ name: "librav1e", scale: { worst: 220, best: 40, usual: 80 }, presets: numbers(10), preset: "6" },
      parameters: (spec) => ["-qp", String(spec.quality), "-speed", preset(spec)],
    },
  ],
  prores_422hq: [prores("3")],
  prores_4444: [prores("4")],
  ffv1: [
    {
      ...{ ...unscaled, name: "ffv1" },
      parameters: () => ["-level", "3", "-g", "1", "-slices", "4", "-slicecrc", "1"],
    },
  ],
  png_sequence: [{ ...unscaled, name: "png", parameters: () => ["-pred", "mixed"] }],
};
