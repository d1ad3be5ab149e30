import { EngineError } from "../errors.ts";
import type { Frame } from "../media/frame.ts";

/** Cells a side of the grid on which two frames of different sizes are compared. */
const GRID = 16;
/** Larger frames are looked at in every 31st pixel: a prime, so that no usual pattern is met at one phase only. */
const WHOLE_PIXELS = 250_000;
const STEP = 31;

/** Shares of the range from black to white. A cell mean of less is no colour of its own. */
const FLAT = 1 / 255;
/** The source's cells differ by more than fades, noise and rounding do: it is not of one colour. */
const STRUCTURE = 8 / 255;
/**
 * A mean of the source that cannot become black. What makes a frame darker takes a few hundredths (MEAN below); the first
 * and last frames of a fade, black with noise and black that is a little too light have less.
 */
const LIT = 10 / 255;
/** Opacity of a cell, of the average cell's, that is too little to tell its colour. */
const HARDLY_SEEN = 0.1;
/**
 * A channel's mean may differ by so much. A resample leaves it within 0.01; colour corrections take it from the source;
 * a network without one drifts by a few hundredths. A quarter of the range is a negative, a lost channel or black.
 */
const MEAN = 0.25;

/**
 * Compares a result frame with the frame it was made of. Throws `provider_failed` where it is of one colour or all black
 * and the source is not, or where the mean of a channel is off by more than a quarter of the range: such a result comes
 * from a damaged model or a device that computes wrongly, and must not be delivered. `index` is the frame's in the source.
 * Colours count by their opacity: what is under full transparency may be anything. (Numbers that are not finite are
 * found before frames are made of them.)
 */
export function refuseWrongFrame(source: Frame, made: Frame, index: number): void {
  const grid = {
    columns: Math.min(GRID, source.width, made.width),
    rows: Math.min(GRID, source.height, made.height),
  };
  const before = lookAt(source, grid);
  const after = lookAt(made, grid);
  if (!before || !after) return;
  const isFlat = after.spread <= FLAT;
  const isBlack = isFlat && after.means.every((mean) => mean <= FLAT);
  if ((isFlat && before.spread > STRUCTURE) || (isBlack && Math.max(...before.means) > LIT)) {
    const colour = isBlack ? "all black" : "of one colour";
    throw wrong(index, `came out ${colour}, and the source is not`, { source: before.means, made: after.means });
  }
  const off = Math.max(...after.means.map((mean, channel) => Math.abs(mean - (before.means[channel] ?? 0))));
  if (off <= MEAN) return;
  const percent = Math.round(off * 100);
  throw wrong(index, `has a mean colour ${percent} % of the range from the source's`, {
    source: before.means,
    made: after.means,
  });
}

interface Grid {
  readonly columns: number;
  readonly rows: number;
}

interface Look {
  /** Mean of each channel, 0 … 1. */
  readonly means: readonly number[];
  /** Largest difference of a channel's cells, 0 … 1. */
  readonly spread: number;
}

/** Means on a grid, weighted by opacity; null where nothing is to be seen. */
function lookAt(frame: Frame, { columns, rows }: Grid): Look | null {
  const { width, height, rgb, alpha } = frame;
  const peak = 2 ** frame.depth - 1;
  const step = width * height > WHOLE_PIXELS ? STEP : 1;
  const sums = new Float64Array(columns * rows * 4);
  const columnOf = Uint16Array.from({ length: width }, (_, x) => Math.floor((x * columns) / width));
  let x = 0;
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * rows) / height) * columns;
    for (; x < width; x += step) {
      const pixel = y * width + x;
      const sum = (row + columnOf[x]!) * 4;
      const weight = alpha ? alpha[pixel]! / peak : 1;
      sums[sum]! += rgb[pixel * 3]! * weight;
      sums[sum + 1]! += rgb[pixel * 3 + 1]! * weight;
      sums[sum + 2]! += rgb[pixel * 3 + 2]! * weight;
      sums[sum + 3]! += weight;
    }
    x -= width; // every so many pixels, from one row on into the next
  }
  const cells = Array.from({ length: columns * rows }, (_, cell) => sums.subarray(cell * 4, cell * 4 + 4));
  const total = cells.reduce((sum, cell) => sum + cell[3]!, 0);
  if (total === 0) return null;
  const seen = cells.filter((cell) => cell[3]! > (HARDLY_SEEN * total) / cells.length);
  const channels = [0, 1, 2].map((channel) => {
    const values = seen.map((cell) => cell[channel]! / cell[3]! / peak);
    const mean = seen.reduce((sum, cell) => sum + cell[channel]!, 0) / total / peak;
    return { mean, spread: Math.max(...values) - Math.min(...values) };
  });
  return { means: channels.map(({ mean }) => mean), spread: Math.max(...channels.map(({ spread }) => spread)) };
}

function wrong(index: number, how: string, means: { source: readonly number[]; made: readonly number[] }): EngineError {
  return new EngineError("provider_failed", {
    what: `Frame ${index} ${how}.`,
    why: "The model's file is damaged, or this device computes it wrongly; the result was not delivered.",
    todo: "Set SEEDVR2_DEVICE=cpu to compute on the processor; if it happens there too, fetch the model again or use another.",
    facts: { frame: index, means },
  });
}
