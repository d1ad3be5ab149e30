import { decode, readBytes, readRows, readValues } from "./decode.ts";
import { byteTables } from "./number-formats.ts";
import { rotate } from "./rotation.ts";
import type { Weight, WeightPart } from "./weight.ts";

const fround = Math.fround;

/**
 * The fp32 values of a whole weight, of its stored shape: codes with their scales, steps and bases applied, each operation
 * rounded to fp32, and rotated back where it is stored rotated.
 */
export function weightValues(weight: Weight): Promise<Float32Array<ArrayBuffer>> {
  return weightRows(weight, { from: 0, to: rowsOf(weight) });
}

/** Which rows of a weight, `to` excluded. */
export interface Rows {
  readonly from: number;
  readonly to: number;
}

/** The same of some rows, which must be whole blocks; only they are read. */
export async function weightRows(weight: Weight, rows: Rows): Promise<Float32Array<ArrayBuffer>> {
  const values = codesOf(weight, await bytesOf(weight, rows));
  if (weight.runs) await applyRuns(values, weight.runs, rows);
  if (weight.scale) applyScale(values, scaleOf(rows, await readValues(weight.scale)));
  if (weight.rotated) rotate(values, weight.rotated.group);
  return values;
}

function rowsOf({ shape }: Pick<Weight, "shape">): number {
  return shape[0] ?? 1;
}

function codesOf(weight: Weight, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  if (weight.type === "FP4") return twoOfEach(bytes, (half) => byteTables.FP4[half] as number);
  if (weight.type === "U4") return twoOfEach(bytes, (half) => (half % 2 === 0 ? half >> 1 : half >> 5) & 15);
  return decode(weight.type, bytes);
}

/** Two values of each byte: those of the halves 2 · byte and 2 · byte + 1. */
function twoOfEach(bytes: Uint8Array, valueOf: (half: number) => number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(2 * bytes.length);
  bytes.forEach((byte, i) => {
    out[2 * i] = valueOf(2 * byte);
    out[2 * i + 1] = valueOf(2 * byte + 1);
  });
  return out;
}

async function applyRuns(
  values: Float32Array,
  { length, step, base }: NonNullable<Weight["runs"]>,
  rows: Rows,
): Promise<void> {
  const steps = await partValues(step, rows);
  const bases = base ? await partValues(base, rows) : undefined;
  for (let i = 0; i < values.length; i++) {
    const run = Math.floor(i / length);
    values[i] = fround((values[i] as number) * (steps[run] as number)) - (bases?.[run] ?? 0);
  }
}

/** The one factor of a tensor, or those of some rows. */
function scaleOf({ from, to }: Rows, scale: Float32Array): Float32Array {
  return scale.length === 1 ? scale : scale.subarray(from, to);
}

function applyScale(values: Float32Array, scale: Float32Array): void {
  const perScale = values.length / scale.length;
  for (let i = 0; i < values.length; i++) {
    values[i] = (values[i] as number) * (scale[Math.floor(i / perScale)] as number);
  }
}

async function partValues(part: WeightPart, rows: Rows): Promise<Float32Array> {
  const values = decode(part.type, await bytesOf(part, rows));
  if (part.scale) applyScale(values, scaleOf(rows, await readValues(part.scale)));
  return values;
}

async function bytesOf(part: Weight | WeightPart, { from, to }: Rows): Promise<Uint8Array<ArrayBuffer>> {
  if (part.madeRows) return Uint8Array.from(await part.madeRows(from, to));
  const tensor = { ...part, type: "U8" as const };
  return from === 0 && to === rowsOf(part) ? readBytes(tensor) : readRows(tensor, from, to);
}
