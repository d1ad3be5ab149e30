import type { WeightDemands } from "../onnx/weight-demands.ts";
import type { TransformerSizes } from "../weights/network.ts";
import { rotaryFrequencies } from "./rotary.ts";

/** Relative rounding of the types frequencies are stored in, with room for one more rounding on the way there. */
const rounding: Readonly<Record<string, number>> = {
  F32: 2 ** -21,
  F16: 2 ** -10,
  BF16: 2 ** -7,
  F8_E4M3: 2 ** -3,
  F8_E5M2: 2 ** -2,
};
/** Below this, half and quarter precision have fixed steps. */
const SMALLEST_STEP: Readonly<Record<string, number>> = { F16: 2 ** -24, F8_E4M3: 2 ** -9, F8_E5M2: 2 ** -16 };

/**
 * Frequencies by block. The formula's, because a half-precision table is off by up to 0.9 radian at a window's edge;
 * a stored table that differs by more than its type's rounding is another network's and is used, with a warning
 * (seedvr2-dit.md section 6).
 */
export async function blockFrequencies(
  demands: WeightDemands,
  sizes: TransformerSizes,
): Promise<{ frequencies: readonly (readonly number[])[]; warnings: readonly string[] }> {
  const formula = rotaryFrequencies(sizes);
  const frequencies: (readonly number[])[] = [];
  const warnings: string[] = [];
  for (const index of sizes.blocks.keys()) {
    const name = `blocks.${index}.attn.rope.rope.freqs`;
    demands.accept(name);
    const weight = demands.file.weights.get(name);
    const stored = weight ? [...(await demands.file.read(weight))] : formula;
    const tolerance = rounding[weight?.type ?? ""] ?? 0;
    const step = SMALLEST_STEP[weight?.type ?? ""] ?? 0;
    const agrees =
      stored.length === formula.length &&
      formula.every((value, i) => Math.abs(value - (stored[i] ?? Number.NaN)) <= tolerance * value + step);
    if (!agrees) warnings.push(`${name} is not the usual table of frequencies; the file's is used.`);
    frequencies.push(agrees ? formula : stored);
  }
  return { frequencies, warnings };
}
