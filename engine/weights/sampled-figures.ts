import { isQuantised } from "./gguf-blocks.ts";
import type { Weight } from "./weight.ts";
import { weightRows, type Rows } from "./weight-values.ts";

/** Places in a matrix that are looked at: first rows, middle, last. */
const PLACES = 3;

/** What the values of a weight are like, as far as they were looked at. */
export interface SampledFigures {
  /** How many were looked at. */
  readonly values: number;
  /** How many of them are no numbers or infinite; they count in none of the figures below. */
  readonly nonFinite: number;
  /** Root of the mean square. */
  readonly rms: number;
  readonly least: number;
  readonly most: number;
}

/**
 * Looks at `rows` rows of a weight, spread over three places; at all of one that is a vector, has no more rows, or has
 * blocks across them. Memory holds one place at a time. What is stored rotated is looked at as it is stored: a rotation
 * keeps the mean square.
 */
export async function sampledFigures(weight: Weight, rows: number): Promise<SampledFigures> {
  const { rotated: _, ...stored } = weight;
  const looks: SampledFigures[] = [];
  for (const place of placesIn(weight, rows)) looks.push(figuresOf(await weightRows(stored, place)));
  const sum = (of: (look: SampledFigures) => number) => looks.reduce((all, look) => all + of(look), 0);
  const [values, nonFinite] = [sum((look) => look.values), sum((look) => look.nonFinite)];
  const squares = sum((look) => look.rms ** 2 * (look.values - look.nonFinite));
  return {
    ...{ values, nonFinite, rms: Math.sqrt(squares / Math.max(1, values - nonFinite)) },
    least: Math.min(...looks.map(({ least }) => least)),
    most: Math.max(...looks.map(({ most }) => most)),
  };
}

function figuresOf(values: Float32Array): SampledFigures {
  let [nonFinite, squares, least, most] = [0, 0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) {
      nonFinite++;
      continue;
    }
    squares += value * value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const rms = Math.sqrt(squares / Math.max(1, values.length - nonFinite));
  return { values: values.length, nonFinite, rms, least, most };
}

function placesIn({ shape, type, madeRows }: Weight, rows: number): Rows[] {
  const count = shape[0] ?? 1;
  const each = Math.ceil(rows / PLACES);
  // Blocks that cross rows cannot be read by rows; where they do not, rows are made of them.
  const inBlocks = !madeRows && isQuantised(type);
  if (shape.length < 2 || inBlocks || count <= PLACES * each) return [{ from: 0, to: count }];
  return Array.from({ length: PLACES }, (_, place) => {
    const from = Math.floor((place * (count - each)) / (PLACES - 1));
    return { from, to: from + each };
  });
}
