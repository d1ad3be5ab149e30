import { curveTable, lookUp } from "./curve-table.ts";

/**
 * sRGB ↔ CIELAB, D65 white (IEC 61966-2-1, CIE 15; constants of seedvr2-pipeline.md section 6). Pixels are three values
 * in −1 … 1, as the networks have them.
 */
const WHITE = [0.95047, 1, 1.08883] as const;
const DELTA = 6 / 29;
const KAPPA = (29 / 3) ** 3;
const OFFSET = 4 / 29;

/** sRGB's curve to linear light. */
const toLinear = curveTable((value) => (value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92));

/** Linear light to sRGB. */
const toCoded = curveTable((value) => (value > 0.0031308 ? 1.055 * value ** (1 / 2.4) - 0.055 : 12.92 * value));

/** The root that makes lightness of light, straight near black. */
const toLightness = curveTable((value) => (value > DELTA ** 3 ? Math.cbrt(value) : (KAPPA * value + 16) / 116));

/** The three Lab planes of `pixels` pixels; r, g, b are planes of the same length. */
export interface Triple {
  readonly first: Float32Array;
  readonly second: Float32Array;
  readonly third: Float32Array;
}

/** Planes of r, g, b in −1 … 1, beyond which they are clamped → planes of L, a, b. */
export function labFromRgb({ first: r, second: g, third: b }: Triple): Triple {
  const lab = emptyTriple(r.length);
  for (let i = 0; i < r.length; i++) {
    const red = lookUp(toLinear, ((r[i] as number) + 1) / 2);
    const green = lookUp(toLinear, ((g[i] as number) + 1) / 2);
    const blue = lookUp(toLinear, ((b[i] as number) + 1) / 2);
    const x = lookUp(toLightness, (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / WHITE[0]);
    const y = lookUp(toLightness, (0.2126729 * red + 0.7151522 * green + 0.072175 * blue) / WHITE[1]);
    const z = lookUp(toLightness, (0.0193339 * red + 0.119192 * green + 0.9503041 * blue) / WHITE[2]);
    lab.first[i] = 116 * y - 16;
    lab.second[i] = 500 * (x - y);
    lab.third[i] = 200 * (y - z);
  }
  return lab;
}

/** Planes of L, a, b → planes of r, g, b, clamped to −1 … 1. */
export function rgbFromLab({ first: l, second: a, third: b }: Triple): Triple {
  const rgb = emptyTriple(l.length);
  for (let i = 0; i < l.length; i++) {
    const fy = ((l[i] as number) + 16) / 116;
    const x = WHITE[0] * fromLightness(fy + (a[i] as number) / 500);
    const y = WHITE[1] * fromLightness(fy);
    const z = WHITE[2] * fromLightness(fy - (b[i] as number) / 200);
    rgb.first[i] = 2 * lookUp(toCoded, 3.2404542 * x - 1.5371385 * y - 0.4985314 * z) - 1;
    rgb.second[i] = 2 * lookUp(toCoded, -0.969266 * x + 1.8760108 * y + 0.041556 * z) - 1;
    rgb.third[i] = 2 * lookUp(toCoded, 0.0556434 * x - 0.2040259 * y + 1.0572252 * z) - 1;
  }
  return rgb;
}

export function emptyTriple(length: number): Triple {
  return { first: new Float32Array(length), second: new Float32Array(length), third: new Float32Array(length) };
}

/** The inverse of `toLightness`. */
function fromLightness(value: number): number {
  return value > DELTA ? value * value * value : 3 * DELTA ** 2 * (value - OFFSET);
}
