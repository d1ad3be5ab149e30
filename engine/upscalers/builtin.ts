import assert from "node:assert";
import type { Frame, Samples } from "../media/frame.ts";
import { samples, withPixels } from "../media/frame.ts";
import { resizeFrame } from "../media/resize.ts";
import type { Network } from "../onnx/network.ts";
import { tilesOf } from "./tiles.ts";
import type { Tile } from "./tiles.ts";
import type { Batch, TargetSize, UpscaleOptions, Upscaler } from "./upscaler.ts";

/** What one pass of the network enlarges by. */
const SCALE = 2;
/** What is left after doubling may be enlarged by a resample if it is this little: another doubling costs four times. */
const ALMOST = 1.1;
/** Pixels a side that a tile owns: 32 channels of it in fp32 are 134 MB, of which a handful is alive at a time. */
const TILE = 1024;
/** Twelve 3×3 layers: a pixel sees 12 pixels around it. */
const MARGIN = 12;

/**
 * The built-in model: doubles a frame as often as needed and brings it to the target with a Lanczos resample. Frames
 * are independent of each other; the network is closed by whoever opened it. Pixels are converted inside the graph (models/training/network.py: Pixels).
 */
export function builtinUpscaler(network: Network, tileSize = TILE): Upscaler {
  const doubling = { network, tileSize };
  return {
    plan: { owned: 1, before: 0, after: 0 },
    notes: [],
    async upscale(batch: Batch, target: TargetSize, options: UpscaleOptions = {}): Promise<Frame[]> {
      const { start, count } = batch.owned;
      const made: Frame[] = [];
      for (const frame of batch.frames.slice(start, start + count)) {
        made.push(await enlarge(doubling, frame, target, options));
      }
      return made;
    },
    close: async () => {},
  };
}

interface Doubling {
  readonly network: Network;
  /** Pixels a side that a tile owns. */
  readonly tileSize: number;
}

async function enlarge(
  { network, tileSize }: Doubling,
  frame: Frame,
  target: TargetSize,
  options: UpscaleOptions,
): Promise<Frame> {
  const passes = passesFor(frame, target);
  let { rgb, width, height } = frame;
  for (let pass = 0; pass < passes; pass++) {
    const tiles = tilesOf(width, height, tileSize, MARGIN);
    let doubled: Samples | null = null;
    for (const [index, tile] of tiles.entries()) {
      options.signal?.throwIfAborted();
      const part = await double(network, cut(rgb, width, tile), tile, frame.depth);
      if (tiles.length === 1) doubled = part;
      else paste(part, tile, (doubled ??= samples(frame.depth, rgb.length * SCALE ** 2)), width);
      options.onProgress?.((pass + (index + 1) / tiles.length) / passes, "upscaling");
    }
    assert(doubled, "a picture has at least one tile");
    [rgb, width, height] = [doubled, width * SCALE, height * SCALE];
  }
  return resizeFrame(withPixels(frame, { rgb, width, height, depth: frame.depth }), target.width, target.height);
}

/** How often to double so that the target is reached in both directions, or as good as. */
function passesFor(frame: Frame, target: TargetSize): number {
  const factor = Math.max(target.width / frame.width, target.height / frame.height);
  return Math.max(0, Math.ceil(Math.log2(factor / ALMOST)));
}

/** One run of the network: RGB samples of a tile to those of the doubled tile. */
async function double(network: Network, rgb: Samples, tile: Tile, depth: 8 | 16): Promise<Samples> {
  const bytes = depth / 8;
  const pixels = new Uint8Array(rgb.buffer, rgb.byteOffset, rgb.byteLength);
  const dims = [1, tile.height, tile.width, 3, bytes];
  const { doubled } = await network.run({ pixels: { type: "uint8", dims, data: pixels } });
  assert(doubled?.data instanceof Uint8Array, "the built-in model answers with bytes");
  const { buffer, byteOffset, byteLength } = doubled.data as Uint8Array<ArrayBuffer>;
  return depth === 8
    ? new Uint8Array(buffer, byteOffset, byteLength)
    : new Uint16Array(buffer, byteOffset, byteLength / 2);
}

/** The samples of a tile, rows closed up. */
function cut(rgb: Samples, width: number, tile: Tile): Samples {
  if (tile.width === width && tile.height * width * 3 === rgb.length) return rgb;
  const part = samples(rgb.BYTES_PER_ELEMENT === 1 ? 8 : 16, tile.width * tile.height * 3);
  for (let row = 0; row < tile.height; row++) {
    const from = ((tile.y + row) * width + tile.x) * 3;
    part.set(rgb.subarray(from, from + tile.width * 3), row * tile.width * 3);
  }
  return part;
}

/** Puts what a doubled tile owns into the doubled picture; `width` is the source's. */
function paste(part: Samples, tile: Tile, into: Samples, width: number): void {
  const { kept } = tile;
  const length = kept.width * SCALE * 3;
  for (let row = 0; row < kept.height * SCALE; row++) {
    const from = (((kept.y - tile.y) * SCALE + row) * tile.width * SCALE + (kept.x - tile.x) * SCALE) * 3;
    const to = ((kept.y * SCALE + row) * width * SCALE + kept.x * SCALE) * 3;
    into.set(part.subarray(from, from + length), to);
  }
}
