/** A picture of one channel: rows from the top. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Mean over the (2 · radius + 1)² pixels around each. */
export type BoxMean = (plane: Plane, radius: number) => Plane;

export interface GuidedFilterOptions {
  /** Pixels. */
  readonly radius: number;
  /** Variance of the guide (values 0 … 1) up to which it counts as flat. */
  readonly eps: number;
  readonly boxMean?: BoxMean;
}

/**
 * `values` smoothed along the edges of `guide`, both of one size and in 0 … 1: around each pixel the values are taken as
 * a linear function of the guide (He, Sun, Tang: Guided Image Filtering, 2013, equations 5 to 8). The result may leave
 * 0 … 1.
 */
export function guidedFilter(values: Plane, guide: Plane, options: GuidedFilterOptions): Plane {
  const { radius, eps, boxMean = meanInside } = options;
  const mean = (plane: Plane) => boxMean(plane, radius);
  const ofValues = mean(values);
  const ofGuide = mean(guide);
  const together = mean(combined(values, guide, (value, grey) => value * grey));
  const squares = mean(combined(guide, guide, (grey) => grey * grey));
  const slope = combined(together, squares, (product, square, i) => {
    const grey = ofGuide.data[i] as number;
    return (product - grey * (ofValues.data[i] as number)) / (square - grey * grey + eps);
  });
  const offset = combined(slope, ofGuide, (a, grey, i) => (ofValues.data[i] as number) - a * grey);
  const meanSlope = mean(slope);
  const meanOffset = mean(offset);
  return combined(meanSlope, guide, (a, grey, i) => a * grey + (meanOffset.data[i] as number));
}

/**
 * `values` with what a guided filter finds in the guide, but not with its blur: where the guide is flat they stay as they
 * are, where the plain filter would take the mean of a mean.
 */
export function guidedDetail(values: Plane, guide: Plane, options: Omit<GuidedFilterOptions, "boxMean">): Plane {
  const { radius } = options;
  const blurred = meanInside(meanInside(values, radius), radius);
  const filtered = guidedFilter(values, guide, options);
  return combined(filtered, blurred, (value, flat, i) => (values.data[i] as number) + value - flat);
}

/** Mean over the pixels of the box that lie inside the picture. */
function meanInside(plane: Plane, radius: number): Plane {
  return columnMeans(rowMeans(plane, radius), radius);
}

function rowMeans({ width, height, data }: Plane, radius: number): Plane {
  const out = new Float32Array(data.length);
  for (let at = 0, x = 0; at < data.length; at++, x = x === width - 1 ? 0 : x + 1) {
    const last = Math.min(width - 1, x + radius) - x + at;
    const first = Math.max(0, x - radius) - x + at;
    let sum = 0;
    for (let i = first; i <= last; i++) sum += data[i] as number;
    out[at] = sum / (last - first + 1);
  }
  return { width, height, data: out };
}

function columnMeans({ width, height, data }: Plane, radius: number): Plane {
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    const first = Math.max(0, y - radius);
    const last = Math.min(height - 1, y + radius);
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let row = first; row <= last; row++) sum += data[row * width + x] as number;
      out[y * width + x] = sum / (last - first + 1);
    }
  }
  return { width, height, data: out };
}

function combined(a: Plane, b: Plane, change: (first: number, second: number, i: number) => number): Plane {
  const data = new Float32Array(a.data.length);
  for (let i = 0; i < data.length; i++) data[i] = change(a.data[i] as number, b.data[i] as number, i);
  return { ...a, data };
}
