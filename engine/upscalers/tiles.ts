/** A part of a picture: computed with margins around it, so that its own pixels are those of the whole picture. */
export interface Tile {
  /** What is read, margins included, in source pixels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** What is kept of it, in source pixels of the whole picture. */
  readonly kept: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
}

/**
 * Cuts a picture of width × height pixels into tiles that own up to `size` × `size` pixels each, of even sizes, read
 * with `margin` pixels around them where the picture has them.
 */
export function tilesOf(width: number, height: number, size: number, margin: number): Tile[] {
  const columns = spans(width, size);
  return spans(height, size).flatMap((row) =>
    columns.map((column) => {
      const x = Math.max(0, column.start - margin);
      const y = Math.max(0, row.start - margin);
      return {
        x,
        y,
        width: Math.min(width, column.start + column.length + margin) - x,
        height: Math.min(height, row.start + row.length + margin) - y,
        kept: { x: column.start, y: row.start, width: column.length, height: row.length },
      };
    }),
  );
}

/** `total` in equal parts of at most `size`. */
function spans(total: number, size: number): { start: number; length: number }[] {
  const count = Math.ceil(total / size);
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * total) / count);
    return { start, length: Math.floor(((i + 1) * total) / count) - start };
  });
}
