/** Frames, latents or masks as fp32 planes: [frames, channels, height, width], frames one behind the other. */
export interface Planes {
  readonly frames: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array<ArrayBuffer>;
}

/** Values of one frame. */
export function frameLength({ channels, height, width }: Omit<Planes, "data" | "frames">): number {
  return channels * height * width;
}

/** A rectangle of all planes. */
export function cropped(planes: Planes, at: { top: number; left: number; height: number; width: number }): Planes {
  const { top, left, height, width } = at;
  if (height === planes.height && width === planes.width) return planes;
  const count = planes.frames * planes.channels;
  const data = new Float32Array(count * height * width);
  for (let plane = 0; plane < count; plane++) {
    for (let row = 0; row < height; row++) {
      const from = (plane * planes.height + top + row) * planes.width + left;
      data.set(planes.data.subarray(from, from + width), (plane * height + row) * width);
    }
  }
  return { ...planes, height, width, data };
}

/** Frames `from` … `to` (excluded); shares memory. */
export function framesOf(planes: Planes, from: number, to: number): Planes {
  const length = frameLength(planes);
  return { ...planes, frames: to - from, data: planes.data.subarray(from * length, to * length) };
}

/** The frames with these indices, in this order. */
export function pickedFrames(planes: Planes, indices: readonly number[]): Planes {
  const length = frameLength(planes);
  const data = new Float32Array(indices.length * length);
  indices.forEach((index, i) => data.set(planes.data.subarray(index * length, (index + 1) * length), i * length));
  return { ...planes, frames: indices.length, data };
}

/** Clips of equal size one behind the other. */
export function joinedFrames(parts: readonly [Planes, ...Planes[]]): Planes {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { ...parts[0], frames: parts.reduce((sum, part) => sum + part.frames, 0), data };
}

/** Each value replaced. */
export function mapped(planes: Planes, change: (value: number) => number): Planes {
  const data = new Float32Array(planes.data.length);
  for (let i = 0; i < data.length; i++) data[i] = change(planes.data[i] ?? 0);
  return { ...planes, data };
}

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}
