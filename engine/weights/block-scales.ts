/** Rows and columns of the blocks in which scales are stored, and rows of a band of 32 within one. */
const BLOCK_ROWS = 128;
const BLOCK_COLUMNS = 4;
const BAND = 32;

/** The shape in which the scales of [rows, runs] are stored: whole blocks. */
export function storedScaleShape(rows: number, runs: number): [number, number] {
  return [Math.ceil(rows / BLOCK_ROWS) * BLOCK_ROWS, Math.ceil(runs / BLOCK_COLUMNS) * BLOCK_COLUMNS];
}

/** Which scales of a matrix are wanted. */
export interface ScaleRows {
  /** Rows, `to` excluded. */
  readonly from: number;
  readonly to: number;
  /** Scales in a row. */
  readonly runs: number;
}

/**
 * Codes of scales in row order, [to − from, runs]. They are stored in blocks of 128 rows × 4 columns, rows of blocks outermost;
 * within a block, row 32·a + b and column c stand at b·16 + a·4 + c (seedvr2-comfy-checkpoints.md section 4).
 */
export function scalesInRows(bytes: Uint8Array, { from, to, runs }: ScaleRows): Uint8Array<ArrayBuffer> {
  const blocks = Math.ceil(runs / BLOCK_COLUMNS);
  const out = new Uint8Array((to - from) * runs);
  let at = 0;
  for (let row = from; row < to; row++) {
    const [block, inside] = [Math.floor(row / BLOCK_ROWS) * blocks, row % BLOCK_ROWS];
    const place = (inside % BAND) * 16 + Math.floor(inside / BAND) * BLOCK_COLUMNS;
    let first = block * BLOCK_ROWS * BLOCK_COLUMNS + place;
    for (let run = 0; run < runs; run += BLOCK_COLUMNS, first += BLOCK_ROWS * BLOCK_COLUMNS) {
      const count = Math.min(BLOCK_COLUMNS, runs - run);
      for (let column = 0; column < count; column++) out[at++] = bytes[first + column] as number;
    }
  }
  return out;
}
