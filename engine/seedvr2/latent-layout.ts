import type { Planes } from "../colour/planes.ts";

/** Planes [t, channels, h, w] → rows [t·h·w, channels], times a factor. */
export function rowsFromPlanes(
  { frames, channels, height, width, data }: Planes,
  factor: number,
): Float32Array<ArrayBuffer> {
  const area = height * width;
  const rows = new Float32Array(data.length);
  for (let t = 0; t < frames; t++) {
    for (let c = 0; c < channels; c++) {
      const from = (t * channels + c) * area;
      for (let i = 0; i < area; i++) rows[(t * area + i) * channels + c] = (data[from + i] as number) * factor;
    }
  }
  return rows;
}

/** Rows [t·h·w, channels] → planes [t, channels, h, w], divided by a factor. */
export function planesFromRows(rows: Float32Array, shape: Omit<Planes, "data">, factor: number): Planes {
  const { frames, channels, height, width } = shape;
  const area = height * width;
  const data = new Float32Array(rows.length);
  for (let t = 0; t < frames; t++) {
    for (let c = 0; c < channels; c++) {
      const to = (t * channels + c) * area;
      for (let i = 0; i < area; i++) data[to + i] = (rows[(t * area + i) * channels + c] as number) / factor;
    }
  }
  return { ...shape, data };
}
