import { EngineError } from "../errors.ts";
import { maxClipSide, maxPicturePixels, resolutionLimits, scaleLimits } from "../schemas/limits.ts";

export interface SizeWish {
  /** Shorter side in pixels. */
  readonly resolution?: number | undefined;
  /** Factor, instead. */
  readonly scale?: number | undefined;
  /** Longest side at most, pixels; 0 for no bound. */
  readonly max_resolution?: number | undefined;
}

/** What the result may be. */
export interface SizeBounds {
  /** Pictures come out at exactly the computed size; clips at even sides (rounded down), as 4:2:0 video needs. */
  readonly kind: "image" | "video";
  /** Pages or moments that a picture's result holds. */
  readonly pages?: number;
  /** Pixels a side that the picture's format can hold, and what it is called. */
  readonly format?: { readonly name: string; readonly maxSide: number };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const DEFAULT_RESOLUTION = 1080;

/**
 * Size of the result for a source of the given size in pixels. Throws `invalid_parameter` or `too_large`, which names
 * the largest wish that fits.
 */
export function targetSize(source: Size, wish: SizeWish, bounds: SizeBounds): Size {
  if (wish.resolution !== undefined && wish.scale !== undefined) {
    throw new EngineError("invalid_parameter", {
      what: "Both resolution and scale were given.",
      todo: "Give one of them.",
    });
  }
  const shortest = Math.min(source.width, source.height);
  const wished = wish.scale ?? (wish.resolution ?? DEFAULT_RESOLUTION) / shortest;
  const longest = Math.max(source.width, source.height);
  const factor = wish.max_resolution ? Math.min(wished, wish.max_resolution / longest) : wished;
  const target = enlarged(source, factor, bounds);
  if (!tooLarge(target, bounds)) return target;
  throw refusal(source, target, bounds);
}

const wholeSide = (pixels: number) => Math.max(1, Math.round(pixels));
const evenSide = (pixels: number) => Math.max(2, Math.floor(Math.round(pixels) / 2) * 2);

function enlarged(source: Size, factor: number, { kind }: SizeBounds): Size {
  const side = kind === "image" ? wholeSide : evenSide;
  return { width: side(source.width * factor), height: side(source.height * factor) };
}

/** Why a result cannot be so large, or nothing. */
function tooLarge({ width, height }: Size, { kind, pages = 1, format }: SizeBounds): string | null {
  const longest = Math.max(width, height);
  if (kind === "video") return longest > maxClipSide ? `Clips may have at most ${maxClipSide} pixels a side.` : null;
  if (width * height * pages > maxPicturePixels) {
    return `Pictures may have at most 268 megapixels${pages > 1 ? `, and this one has ${pages} pages` : ""}.`;
  }
  if (!format || longest <= format.maxSide) return null;
  return `${format.name} holds at most ${format.maxSide} pixels a side.`;
}

function refusal(source: Size, target: Size, bounds: SizeBounds): EngineError {
  const { width, height } = target;
  const shortest = Math.min(source.width, source.height);
  const fits = (factor: number) => !tooLarge(enlarged(source, factor, bounds), bounds);
  const largest = largestWhere((resolution) => fits(resolution / shortest), resolutionLimits.max);
  const todo =
    largest >= resolutionLimits.min
      ? `The largest resolution that fits here is ${largest}.`
      : `No resolution fits so long a strip: cut it into parts, or give a scale of ${largestScale(fits)} at most.`;
  return new EngineError("too_large", {
    what: `The result would be ${width}x${height} pixels.`,
    why: tooLarge(target, bounds) ?? "",
    todo,
    facts: { width, height, largest_resolution: largest },
  });
}

/** In hundredths. */
function largestScale(fits: (factor: number) => boolean): number {
  return largestWhere((hundredths) => fits(hundredths / 100), scaleLimits.max * 100) / 100;
}

/** The largest whole number up to `limit` for which something holds that holds for all smaller ones; 0 for none. */
function largestWhere(holds: (value: number) => boolean, limit: number): number {
  let [low, high] = [0, limit];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
