/**
 * sRGB ↔ CIELAB, D65 white (IEC 61966-2-1, CIE 15; constants of seedvr2-pipeline.md section 6). Pixels are three values
 * in −1 … 1, as the networks have them.
 */
const WHITE = [0.95047, 1, 1.08883] as const;
const DELTA = 6 / 29;
const KAPPA = (29 / 3) ** 3;
const OFFSET = 4 / 29;

/** The three Lab planes of `pixels` pixels; r, g, b are planes of the same length. */
export interface Triple {
  readonly first: Float32Array;
  readonly second: Float32Array;
  readonly third: Float32Array;
}

/** Planes of r, g, b in −1 … 1 → planes of L, a, b. */
export function labFromRgb({ first: r, second: g, third: b }: Triple): Triple {
  const lab = emptyTriple(r.length);
  for (let i = 0; i < r.length; i++) {
    const red = linear(((r[i] as number) + 1) / 2);
    const green = linear(((g[i] as number) + 1) / 2);
    const blue = linear(((b[i] as number) + 1) / 2);
    const x = curve((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / WHITE[0]);
    const y = curve((0.2126729 * red + 0.7151522 * green + 0.072175 * blue) / WHITE[1]);
    const z = curve((0.0193339 * red + 0.119192 * green + 0.9503041 * blue) / WHITE[2]);
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
    const x = WHITE[0] * inverseCurve(fy + (a[i] as number) / 500);
    const y = WHITE[1] * inverseCurve(fy);
    const z = WHITE[2] * inverseCurve(fy - (b[i] as number) / 200);
    rgb.first[i] = encoded(3.2404542 * x - 1.5371385 * y - 0.4985314 * z);
    rgb.second[i] = encoded(-0.969266 * x + 1.8760108 * y + 0.041556 * z);
    rgb.third[i] = encoded(0.0556434 * x - 0.2040259 * y + 1.0572252 * z);
  }
  return rgb;
}

export function emptyTriple(length: number): Triple {
  return { first: new Float32Array(length), second: new Float32Array(length), third: new Float32Array(length) };
}

/** sRGB's curve to linear light. */
function linear(value: number): number {
  return value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92;
}

/** Linear light to sRGB, clamped to 0 … 1, then to −1 … 1. */
function encoded(value: number): number {
  const curved = value > 0.0031308 ? 1.055 * value ** (1 / 2.4) - 0.055 : 12.92 * value;
  return 2 * (curved < 0 ? 0 : curved > 1 ? 1 : curved) - 1;
}

function curve(value: number): number {
  return value > DELTA ** 3 ? Math.cbrt(value) : (KAPPA * value + 16) / 116;
}

function inverseCurve(value: number): number {
  return value > DELTA ? value ** 3 : 3 * DELTA ** 2 * (value - OFFSET);
}
