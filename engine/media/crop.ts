import type { Ratio } from "./media-info.ts";

/** The part of a clip's frames that is to be seen, in pixels. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Size before cropping. */
  readonly coded: Size;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What a container says is to be seen. */
export interface SeenPart {
  readonly crop: Crop;
  readonly sampleAspect: Ratio;
}

/**
 * A crop, and the shape of its pixels where it is `shown` in that size; without one they are square. Null where nothing
 * is cut off, or the crop makes no sense.
 */
export function seenPart(crop: Crop, shown: Size | null): SeenPart | null {
  const { left, top, width, height, coded } = crop;
  const inside = left >= 0 && top >= 0 && left + width <= coded.width && top + height <= coded.height;
  const whole = width === coded.width && height === coded.height;
  if (whole || !inside || width < 1 || height < 1) return null;
  const square = { num: 1, den: 1 };
  return { crop, sampleAspect: shown ? reduced(shown.width * height, shown.height * width) : square };
}

function reduced(num: number, den: number): Ratio {
  let [a, b] = [num, den];
  while (b > 0) [a, b] = [b, a % b];
  return { num: num / a, den: den / a };
}
