import { adain } from "./adain.ts";
import { hsv } from "./hsv.ts";
import { lab } from "./lab.ts";
import type { Planes } from "./planes.ts";
import { rankMatchedByHistogram } from "./rank-match.ts";
import { wavelet } from "./wavelet.ts";
import { waveletAdaptive } from "./wavelet-adaptive.ts";

/** Gives `content` the colours of `style`: clips of equal size in −1 … 1, all frames as one picture's colours. */
export type ColourCorrection = (content: Planes, style: Planes) => Planes;

/** The methods by the names that tasks use (spec/contract.md, color_correction). */
export const colourCorrections = {
  lab,
  wavelet,
  wavelet_adaptive: waveletAdaptive,
  hsv,
  adain,
  none: (content) => content,
} as const satisfies Readonly<Record<string, ColourCorrection>>;

export type ColourMethod = keyof typeof colourCorrections;

/** How `lab` finds ranks: by sorting, or faster by histograms, which keeps to 1/255 of the other on pictures. */
export type ColourForm = "exact" | "histogram";

/** A method in one of its forms; only `lab` has two. */
export function correctionIn(form: ColourForm, method: ColourMethod): ColourCorrection {
  if (method !== "lab" || form === "exact") return colourCorrections[method];
  return (content, style) => lab(content, style, rankMatchedByHistogram);
}
