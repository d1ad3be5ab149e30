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
/** Kernels of the encoder in fp32, for clips. */
const ENCODER_BYTES = 0.7e9;
/** Bytes for each pixel and frame of a batch: prepared, decoded, blended and corrected frames in fp32. */
const BYTES_PER_FRAME_PIXEL = 100;

/** Sides of tiles in pixels, largest first (seedvr2-vae.md section 11). */
const SIDES = [1024, 896, 768, 640, 512, 384] as const;
/** Part of a tile that neighbours share. */
const OVERLAP_SHARE = 1 / 8;

/** Tile side in pixels, by `vae_quality`: the side where tiles are wished for, the largest one where memory wants them. */
const qualitySides = { low: 512, medium: 768, high: 1024 } as const;

/**
 * Tiles for the autoencoder, or none. `auto` works whole where
 * `FIXED + frames · pixels · 100 B + pixels · (23 kB for a clip, 6 kB for a picture)` fits into `memory`, else in the
 * largest square tiles no larger than the quality's for which it does, or in the smallest there are. Without a memory to
 * plan with, `auto` works whole.
 */
export function chooseTiling(
  wish: TilingWish,
  target: TargetSize,
  frames: number,
  memory: number | undefined,
): Tiling | undefined {
  if (wish.mode === "off") return undefined;
  const bound = qualitySides[wish.quality];
  if (wish.size !== undefined) return square(wish.size, wish.overlap);
  if (wish.mode === "on") return square(bound);
  if (memory === undefined) return undefined;
  const fits = (side: number) => bytesNeeded(side, target, frames) <= memory;
  if (fits(Infinity)) return undefined;
  const sides = SIDES.filter((side) => side <= bound);
  return square(sides.find(fits) ?? SIDES.at(-1)!);
}

/** Whether there is room to keep the encoder's sessions while decoding, so that the next batch finds both. */
export function keepsSessions(
  tiling: Tiling | undefined,
  target: TargetSize,
  frames: number,
  memory = Infinity,
): boolean {
  return bytesNeeded(tiling?.tile[0] ?? Infinity, target, frames) + ENCODER_BYTES <= memory;
}

/** What decoding in tiles of a side needs at its peak. */
function bytesNeeded(side: number, { width, height }: TargetSize, frames: number): number {
  const pixels = Math.min(side, width) * Math.min(side, height);
  const perPixel = frames === 1 ? BYTES_PER_PIXEL.picture : BYTES_PER_PIXEL.clip;
  return FIXED_BYTES + frames * width * height * BYTES_PER_FRAME_PIXEL + pixels * perPixel;
}

/** What neighbours share where nobody says: whole cells of 8 pixels. */
function square(side: number, overlap = Math.floor((side * OVERLAP_SHARE) / 8) * 8): Tiling {
  return { tile: [side, side], overlap: [overlap, overlap] };
}
