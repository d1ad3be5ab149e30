/** Steps of a table between 0 and 1: curves of colour spaces are met to 1e-7 between them. */
const STEPS = 2 ** 16;

/** A function over 0 … 1 as a table, between whose entries values are interpolated. */
export type CurveTable = Float64Array;

/** A curve over 0 … 1 tabulated, because powers and roots are the cost of changing colour spaces. */
export function curveTable(curve: (value: number) => number): CurveTable {
  return Float64Array.from({ length: STEPS + 2 }, (_, i) => curve(i / STEPS));
}

/** The tabulated curve at a value, which is clamped to 0 … 1. */
export function lookUp(table: CurveTable, value: number): number {
  const place = value > 0 ? (value < 1 ? value * STEPS : STEPS) : 0;
  const step = place | 0;
  const below = table[step] as number;
  return below + (place - step) * ((table[step + 1] as number) - below);
}
