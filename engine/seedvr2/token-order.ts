import type { Extent, Window } from "./windows.ts";

/** Windows of equal size that lie one behind the other in a token order and are attended to together. */
export interface WindowGroup {
  readonly windows: number;
  /** Tokens of each. */
  readonly rows: number;
}

/** Tokens sorted by window: those of a window (t, h, w) one behind the other, windows of equal size together. */
export interface TokenOrder {
  readonly grid: Extent;
  /** Windows in this order. */
  readonly windows: readonly Window[];
  readonly groups: readonly WindowGroup[];
  /** By place in this order: the token's index in (t, h, w) order. */
  readonly raster: Int32Array;
}

/** The order of tokens in which windows are contiguous. */
export function tokenOrder(grid: Extent, windows: readonly Window[]): TokenOrder {
  const sorted = windows.map((window, i) => ({ window, i, rows: rowsOf(window) }));
  sorted.sort((a, b) => a.rows - b.rows || a.i - b.i);
  const groups: { windows: number; rows: number }[] = [];
  for (const { rows } of sorted) {
    const last = groups.at(-1);
    if (last?.rows === rows) last.windows += 1;
    else groups.push({ windows: 1, rows });
  }
  const inOrder = sorted.map(({ window }) => window);
  const raster = Int32Array.from(inOrder.flatMap((window) => tokensOf(grid, window)));
  return { grid, windows: inOrder, groups, raster };
}

/** For each place in `to`: where that token stands in `from`. Nothing for `from` means (t, h, w) order. */
export function reordering(from: TokenOrder | undefined, to: TokenOrder | undefined): Int32Array | undefined {
  if (from === to) return undefined;
  const target = to?.raster ?? Int32Array.from({ length: from?.raster.length ?? 0 }, (_, i) => i);
  if (!from) return target;
  const place = new Int32Array(target.length);
  from.raster.forEach((token, i) => {
    place[token] = i;
  });
  return target.map((token) => place[token] ?? 0);
}

function rowsOf([t0, t1, h0, h1, w0, w1]: Window): number {
  return (t1 - t0) * (h1 - h0) * (w1 - w0);
}

function tokensOf([, height, width]: Extent, [t0, t1, h0, h1, w0, w1]: Window): number[] {
  const tokens: number[] = [];
  for (let t = t0; t < t1; t++) {
    for (let h = h0; h < h1; h++) {
      for (let w = w0; w < w1; w++) tokens.push((t * height + h) * width + w);
    }
  }
  return tokens;
}
