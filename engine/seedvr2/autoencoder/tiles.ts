/**
 * Tiles of large pictures (seedvr2-vae.md section 6). Tiles are cut in latent cells and blended by weights that are
 * separable in rows and columns.
 */

/** Rows and columns. */
export type Sides = readonly [height: number, width: number];

export interface Tiling {
  /** Side lengths of a tile and of the overlap of neighbours, in pixels of the picture. */
  readonly tile: Sides;
  readonly overlap: Sides;
}

/** Cells `from` … `to` (excluded) of an axis. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Tile {
  readonly rows: Span;
  readonly columns: Span;
}

/** Tiles of a picture of `size` cells; a single one where it is no larger than a tile. */
export function tilesOf(size: Sides, tiling: Tiling | undefined, pixelsPerCell: number): Tile[] {
  const spans = size.map((extent, axis) => {
    if (!tiling) return [{ from: 0, to: extent }];
    const tile = Math.floor((tiling.tile[axis] ?? 0) / pixelsPerCell);
    const overlap = Math.floor((tiling.overlap[axis] ?? 0) / pixelsPerCell);
    return spansOf(extent, tile, overlap);
  });
  const [rows = [], columns = []] = spans;
  return rows.flatMap((row) => columns.map((column) => ({ rows: row, columns: column })));
}

/**
 * Tiles in the order in which they are worked on: those of one shape after the other, because each shape needs sessions
 * of its own. It depends on the tiles alone, so that sums of overlapping tiles are the same in every run.
 */
export function byShape(tiles: readonly Tile[]): Tile[] {
  const groups = new Map<string, Tile[]>();
  for (const tile of tiles) {
    const shape = `${tile.rows.to - tile.rows.from}x${tile.columns.to - tile.columns.from}`;
    const group = groups.get(shape);
    if (group) group.push(tile);
    else groups.set(shape, [tile]);
  }
  return [...groups.values()].flat();
}

/** The last tile is cut at the edge; one that lies inside the overlap of the one before is left out. */
function spansOf(extent: number, tile: number, overlap: number): Span[] {
  const step = Math.max(tile - overlap, 1);
  const starts = Array.from({ length: Math.ceil(extent / step) }, (_, i) => i * step);
  return starts
    .map((from): Span => ({ from, to: Math.min(from + tile, extent) }))
    .filter(({ from, to }) => from === 0 || to - from > overlap);
}

/**
 * Weights of a tile along one axis: 1 inside, a raised cosine over `overlap` elements on each side that has a neighbour.
 * Weights of two neighbours sum to 1.
 */
export function edgeWeights(span: Span, extent: number, overlap: number): Float32Array {
  const length = span.to - span.from;
  const weights = new Float32Array(length).fill(1);
  const count = Math.min(overlap, length);
  for (let i = 0; i < count; i++) {
    const rise = 0.5 - 0.5 * Math.cos((Math.PI * i) / Math.max(count - 1, 1));
    const end = length - count + i;
    if (span.from > 0) weights[i] = (weights[i] ?? 0) * rise;
    if (span.to < extent) weights[end] = (weights[end] ?? 0) * (1 - rise);
  }
  return weights;
}

/** Least sum of weights that is divided by. */
const LEAST_WEIGHT = 1e-6;

/** Planes [count, height, width] put together from weighted tiles. */
export class TileBlend {
  readonly #size: Sides;
  readonly #sum: Float32Array;
  readonly #weight: Float32Array;

  constructor(planes: number, size: Sides) {
    this.#size = size;
    this.#sum = new Float32Array(planes * size[0] * size[1]);
    this.#weight = new Float32Array(size[0] * size[1]);
  }

  /** Adds a tile's planes; `tile` and `overlap` in elements of these planes. */
  add(values: Float32Array, tile: Tile, overlap: Sides): void {
    const [height, width] = this.#size;
    const rowWeights = edgeWeights(tile.rows, height, overlap[0]);
    const columnWeights = edgeWeights(tile.columns, width, overlap[1]);
    const area = rowWeights.length * columnWeights.length;
    for (let i = 0; i < values.length; i++) {
      const inPlane = i % area;
      const row = Math.floor(inPlane / columnWeights.length);
      const column = inPlane % columnWeights.length;
      const weight = (rowWeights[row] ?? 0) * (columnWeights[column] ?? 0);
      const pixel = (tile.rows.from + row) * width + tile.columns.from + column;
      const at = Math.floor(i / area) * height * width + pixel;
      this.#sum[at] = (this.#sum[at] ?? 0) + weight * (values[i] ?? 0);
      if (i < area) this.#weight[pixel] = (this.#weight[pixel] ?? 0) + weight;
    }
  }

  /** The blended planes. */
  finish(): Float32Array<ArrayBuffer> {
    const area = this.#weight.length;
    return new Float32Array(this.#sum).map((sum, i) => sum / Math.max(this.#weight[i % area] ?? 0, LEAST_WEIGHT));
  }
}
