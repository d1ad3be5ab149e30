import type { Tiling } from "../seedvr2/autoencoder/tiles.ts";
import { autoencoderPeak, keptSessionsPeak } from "./memory-model.ts";
import type { TargetSize, TilingWish } from "./upscaler.ts";

/** Sides of tiles in pixels, largest first (seedvr2-vae.md section 11). */
const SIDES = [1024, 896, 768, 640, 512, 384] as const;
/** Part of a tile that neighbours share. */
const OVERLAP_SHARE = 1 / 8;

/** Tile side in pixels, by `vae_quality`: the side where tiles are wished for, the largest one where memory wants them. */
const qualitySides = { low: 512, medium: 768, high: 1024 } as const;

/**
 * Tiles for the autoencoder, or none. `auto` works whole where memory-model.ts says that the autoencoder's stages fit into
 * `memory`, else in the largest square tiles no larger than the quality's for which they do, or in the smallest there
 * are. Without a memory to plan with, `auto` works whole.
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
  const below = wish.below ?? Infinity;
  if (memory === undefined && below === Infinity) return undefined;
  const fits = (tileSide: number) => autoencoderPeak({ target, frames, tileSide }) <= (memory ?? Infinity);
  if (below === Infinity && fits(Infinity)) return undefined;
  const sides = SIDES.filter((side) => side <= bound && side < below);
  return square(sides.find(fits) ?? SIDES.at(-1)!);
}

/**
 * The side that tiles must stay below for another try after memory ran out with this tiling: that of its tiles, or of the
 * frame where it went through whole. Null where no smaller tile would help, or where somebody wished for these.
 */
export function sideThatFailed(
  wish: TilingWish,
  tiling: Tiling | undefined,
  { width, height }: TargetSize,
): number | null {
  if (wish.mode !== "auto" || wish.size !== undefined) return null;
  const side = Math.min(tiling?.tile[0] ?? Infinity, Math.max(width, height));
  return side > SIDES.at(-1)! ? side : null;
}

/** Whether there is room to keep the encoder's sessions while decoding, so that the next batch finds both. */
export function keepsSessions(
  tiling: Tiling | undefined,
  target: TargetSize,
  frames: number,
  memory = Infinity,
): boolean {
  return keptSessionsPeak({ target, frames, tileSide: tiling?.tile[0] ?? Infinity }) <= memory;
}

/** What neighbours share where nobody says: whole cells of 8 pixels. */
function square(side: number, overlap = Math.floor((side * OVERLAP_SHARE) / 8) * 8): Tiling {
  return { tile: [side, side], overlap: [overlap, overlap] };
}
