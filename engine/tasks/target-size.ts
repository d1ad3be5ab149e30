import { EngineError } from "../errors.ts";
import { maxClipSide, maxPicturePixels } from "../schemas/limits.ts";

export interface SizeWish {
  /** Shorter side in pixels. */
  readonly resolution?: number | undefined;
  /** Factor, instead. */
  readonly scale?: number | undefined;
  /** Longest side at most, pixels; 0 for no bound. */
  readonly max_resolution?: number | undefined;
}

const DEFAULT_RESOLUTION = 1080;

/**
 * Size of the result for a source of the given size in pixels. Pictures come out at exactly the computed size; clips
 * at even sides (rounded down), as 4:2:0 video needs. Throws `invalid_parameter` or `too_large` naming what fits.
 */
export function targetSize(
  source: { width: number; height: number },
  wish: SizeWish,
  kind: "image" | "video",
): { width: number; height: number } {
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
  const side = kind === "image" ? wholeSide : evenSide;
  const target = { width: side(source.width * factor), height: side(source.height * factor) };
  refuseTooLarge(source, target, kind);
  return target;
}

const wholeSide = (pixels: number) => Math.max(1, Math.round(pixels));
const evenSide = (pixels: number) => Math.max(2, Math.floor(Math.round(pixels) / 2) * 2);

function refuseTooLarge(
  source: { width: number; height: number },
  target: { width: number; height: number },
  kind: "image" | "video",
): void {
  const { width, height } = target;
  const fits = kind === "image" ? width * height <= maxPicturePixels : Math.max(width, height) <= maxClipSide;
  if (fits) return;
  const aspect = Math.max(source.width, source.height) / Math.min(source.width, source.height);
  const largest = Math.floor(kind === "image" ? Math.sqrt(maxPicturePixels / aspect) : maxClipSide / aspect);
  throw new EngineError("too_large", {
    what: `The result would be ${width}x${height} pixels.`,
    why:
      kind === "image"
        ? "Pictures may have at most 268 megapixels."
        : `Clips may have at most ${maxClipSide} pixels a side.`,
    todo: `The largest resolution that fits here is ${largest}.`,
    facts: { width, height, largest_resolution: largest },
  });
}
