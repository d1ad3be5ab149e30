import type { Aim, AimFor } from "./comparison.ts";

/** Aims of golden/README.md. Those of the transformer are relative to a tensor's largest value. */
export const transformerAims: AimFor = (name, largest) => {
  if (name.startsWith("windows.")) return { max: 0 };
  if (name === "vid_in" || name === "txt_in") return { max: 2e-6 * largest, mean: 2e-7 * largest };
  return { max: 5e-5 * largest, mean: 1e-5 * largest };
};

/** Tensors, aim, and the largest value of those that it was found on. */
const autoencoderTable: readonly (readonly [pattern: RegExp, aim: number, largest: number])[] = [
  [/^(enc|dec)\.conv_in$/, 1e-5, 3],
  [/^enc\.down0$/, 3e-5, 5.3],
  [/^enc\./, 6e-5, 10.7],
  [/^dec\.(mid|up0|up1)$/, 6e-5, 9.7],
  [/^dec\./, 1e-4, 18.2],
  [/^latent_mode$/, 2e-5, 2.65],
  [/^decoded$/, 3e-5, 3.85],
];

/** Absolute; other weights have other ranges, and for those it is 1e-5 of the largest value. */
export const autoencoderAims: AimFor = (name, largest) => {
  const [, aim = 0, usual = 0] = autoencoderTable.find(([pattern]) => pattern.test(name)) ?? [];
  return { max: largest <= usual ? aim : Math.max(aim, 1e-5 * largest) };
};

interface ChainAim {
  readonly pattern: RegExp;
  readonly aim: Aim;
  /** Largest value of the tensors the aim was found on; larger ones may be further off. */
  readonly largest: number;
}

const plain: readonly ChainAim[] = [
  { pattern: /\.(prepared|encoder_in)$/, aim: { max: 2e-5 }, largest: 1.1 },
  { pattern: /\.(latent|condition)$/, aim: { max: 5e-5 }, largest: 6.3 },
  { pattern: /\.(dit_out|denoised)$/, aim: { max: 1e-4 }, largest: 6.2 },
  { pattern: /(\.decoded|^joined)$/, aim: { max: 1e-4 }, largest: 2.8 },
];

/** A method that sorts turns a last-bit difference into a gap between neighbouring values: single values may be far off. */
const ofColour: Readonly<Record<string, { corrected: Aim; final: Aim }>> = {
  lab: {
    corrected: { max: 0.1, mean: 2e-5, share: { over: 1e-4, most: 0.02 } },
    final: { max: 0.05, mean: 1e-5, share: { over: 1e-4, most: 0.01 } },
  },
  wavelet_adaptive: {
    corrected: { mean: 4e-3, share: { over: 1e-4, most: 0.06 } },
    final: { mean: 2e-3, share: { over: 1e-4, most: 0.06 } },
  },
  hsv: {
    corrected: { mean: 4e-3, share: { over: 1e-4, most: 0.25 } },
    final: { mean: 2e-3, share: { over: 1e-4, most: 0.25 } },
  },
};
/** The reference's alpha: edges are cut to bytes, and masks go through thresholds, where a last-bit difference shows. */
const ofAlpha: readonly ChainAim[] = [
  { pattern: /edges$/, aim: { max: 3 / 255, share: { over: 1e-4, most: 0.01 } }, largest: 1 },
  { pattern: /guided$/, aim: { max: 2e-5 }, largest: 1.2 },
];
const alphaOut = { mask: { share: { over: 1e-3, most: 0.01 } }, soft: { max: 2e-5 } } satisfies Record<string, Aim>;

const unsorted = { corrected: { max: 1e-4 }, final: { max: 5e-5 } };

/**
 * Absolute, times the ratio of the largest values where a tensor exceeds those that the aims were found on. `mask`: the
 * input's alpha is one.
 */
export function chainAims(colour: string, mask: boolean): AimFor {
  const { corrected, final } = ofColour[colour] ?? unsorted;
  const table: readonly ChainAim[] = [
    ...plain,
    { pattern: /\.corrected$/, aim: corrected, largest: 1 },
    { pattern: /^final$/, aim: final, largest: 1 },
    ...ofAlpha,
    { pattern: /^(alpha_alone\.out|final, alpha)$/, aim: mask ? alphaOut.mask : alphaOut.soft, largest: 1 },
  ];
  return (name, largest) => {
    const row = table.find(({ pattern }) => pattern.test(name));
    if (!row) return { max: 0 };
    const ratio = Math.max(largest / row.largest, 1);
    const { max, mean, share } = row.aim;
    return {
      ...(max !== undefined && { max: max * ratio }),
      ...(mean !== undefined && { mean: mean * ratio }),
      ...(share && { share }),
    };
  };
}

/** Stored layers: 1e-6 of the largest value; 1e-5 where their input is rotated, which sums over a group. */
export function formatAims(rotationOf: (layer: string) => unknown): AimFor {
  return (name, largest) => ({ max: (rotationOf(name.replace(/\.value$/, "")) ? 1e-5 : 1e-6) * largest });
}
