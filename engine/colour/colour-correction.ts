import { adain } from "./adain.ts";
import { hsv } from "./hsv.ts";
import { lab } from "./lab.ts";
import type { Planes } from "./planes.ts";
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
