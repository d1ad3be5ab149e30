import type { Tiling } from "../seedvr2/autoencoder/tiles.ts";
import type { TargetSize, TilingWish } from "./upscaler.ts";

/**
 * Private bytes that decoding needs at its peak for each pixel of a tile, on the CPU in fp32. Measured on the published
 * network: below 23 kB where five frames go through together, as they do in clips however long the batch is; a picture
 * takes its kernels folded in time.
 */
const BYTES_PER_PIXEL = { clip: 23_000, picture: 6_000 };
/** Kernels of the decoder in fp32, and the runtime. */
const FIXED_BYTES = 1.2e9;
/** Bytes for each pixel and frame of a batch: prepared, decoded, blended and corrected frames in fp32. */
const BYTES_PER_FRAME_PIXEL = 100;

/** Tile side and overlap in pixels, by `vae_quality`. */
const qualities = { low: [512, 64], medium: [768, 96], high: [1024, 128] } as const;

/** Tiles are cut at multiples of this, and never smaller than `SMALLEST`. Pixels. */
const STEP = 64;
const SMALLEST = 128;
/** Part of a tile that neighbours share, as in the table above. */
const OVERLAP_SHARE = 1 / 8;

/**
 * Tiles for the autoencoder, or none. `auto` works whole where
 * `FIXED + frames · pixels · 100 B + pixels · (23 kB for a clip, 6 kB for a picture)` fits into `memory`, else in the
 * largest square tiles for which it does. Without a memory to plan with, `auto` works whole.
 */
export function chooseTiling(
  wish: TilingWish,
  target: TargetSize,
  frames: number,
  memory: number | undefined,
): Tiling | undefined {
  if (wish.mode === "off") return undefined;
  const [side, overlap] = qualities[wish.quality];
  if (wish.size !== undefined) return square(wish.size, wish.overlap ?? usualOverlap(wish.size));
  if (wish.mode === "on") return square(side, overlap);
  if (memory === undefined) return undefined;
  const pixels = target.width * target.height;
  const left = memory - FIXED_BYTES - frames * pixels * BYTES_PER_FRAME_PIXEL;
  const fitting = left / (frames === 1 ? BYTES_PER_PIXEL.picture : BYTES_PER_PIXEL.clip);
  if (pixels <= fitting) return undefined;
  const largest = Math.max(SMALLEST, Math.floor(Math.sqrt(Math.max(fitting, 0)) / STEP) * STEP);
  return square(largest, usualOverlap(largest));
}

/** What neighbours share where nobody says: whole cells of 8 pixels. */
function usualOverlap(side: number): number {
  return Math.floor((side * OVERLAP_SHARE) / 8) * 8;
}

function square(side: number, overlap: number): Tiling {
  return { tile: [side, side], overlap: [overlap, overlap] };
}
