/**
 * A frame is a value: pixels of one moment, upright, full-range RGB. Made by decoders, turned into larger ones by
 * upscalers, taken by encoders; never changed in place.
 */
export interface Frame {
  readonly width: number;
  readonly height: number;
  /** Bits a channel; 8 goes with Uint8Array, 16 with Uint16Array. */
  readonly depth: 8 | 16;
  /** RGB interleaved, rows from top to bottom: height · width · 3 values. */
  readonly rgb: Samples;
  /** Opacity, height · width values of the same depth; absent means opaque. */
  readonly alpha?: Samples;
  /** Presentation time in ticks of the source's time base; 0 for pictures. */
  readonly time: bigint;
}

export type Samples = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** Seconds a tick: num / den. */
export interface TimeBase {
  readonly num: number;
  readonly den: number;
}

/** The frame's pixels replaced, its time kept. */
export function withPixels(frame: Frame, pixels: Omit<Frame, "time">): Frame {
  return { ...pixels, time: frame.time };
}

/** Samples of a depth: zeros, or a view of `bytes` (2-byte aligned where depth is 16). */
export function samples(depth: 8 | 16, count: number): Samples {
  return depth === 8 ? new Uint8Array(count) : new Uint16Array(count);
}
