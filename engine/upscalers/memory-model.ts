import type { DeviceChoice } from "../onnx/device-choice.ts";
import { STRIPE } from "../onnx/matmul.ts";
import type { TransformerSizes } from "../weights/network.ts";
import type { TargetSize } from "./upscaler.ts";

/**
 * How much private memory SeedVR2 needs at its peak, from shapes alone:
 *
 *     peak = BASE + TASK + max(encode, transformer, decode) + held
 *
 *     encode, decode = KERNELS + pixels of a tile · PIXEL
 *     transformer    = tokens · (2 · hidden + 7 · dim) · 4 B + two stripes of converted weights; on a GPU one block's weights
 *     held           = frames of a batch · pixels of a frame · HELD
 *
 * Weights in files are mapped and not counted: the system takes their pages back when it needs them. Every figure that
 * was measured or chosen is a constant here, and nowhere else. Constants were fitted to what stages of the published
 * networks' sizes took on a processor in fp32; bench/memory-model.ts compares again.
 */

/** Bytes of the process: Node and the runtime. */
export const BASE = 0.1e9;
/** Bytes that a task has beside its stages: ffmpeg, frames as they are read and written, what is not collected yet. */
const TASK = 0.15e9;
/**
 * How a batch goes through the autoencoder: one frame; five at once; or, where there are more, the first five and then
 * four at a time, each slice with what all convolutions kept of the one before.
 */
type Passage = "picture" | "clip" | "slices";
/** Frames that go through at once. */
const SLICE = 5;
/**
 * Bytes of the autoencoder's kernels in fp32 and of what is left over from making them. A picture's are folded in time; a
 * clip has one for each of three steps; the first, middle and last slices have a session each, with kernels of its own.
 */
const KERNELS = {
  encode: { picture: 0.15e9, clip: 0.5e9, slices: 1.6e9 },
  decode: { picture: 0.25e9, clip: 0.8e9, slices: 2.2e9 },
} as const;
/**
 * Bytes for each pixel of a tile while it goes through the autoencoder. What slices keep for the next one is 17 kB when
 * decoding (seedvr2-vae.md section 11), there as it comes in and as it goes out.
 */
const PIXEL = {
  encode: { picture: 2_100, clip: 14_500, slices: 22_000 },
  decode: { picture: 3_600, clip: 29_000, slices: 50_000 },
} as const;
/** Bytes for each pixel and frame of a batch: prepared, decoded, blended and corrected frames in fp32. */
const HELD = 100;

/** Bytes of a value in fp32. */
const VALUE = 4;
/** Values a token that a block holds at once: hidden ones of the MLP (gates and values, or their product apart and joined) … */
const HIDDEN_VALUES = 2;
/** … and ones as wide as the stream (itself, normed, q, k, v and their copies in windows). */
const STREAM_VALUES = 7;
/** Stripes of converted weights that are there at once: one is multiplied while the next is made. */
const STRIPES = 2;
/** Rows of the published prompt embedding, which go through every block beside the tokens (seedvr2-pipeline.md 5). */
const TEXT_ROWS = 58;
/** Pixels a side of the patch that is one token: 8 a latent cell, 2 cells a patch. */
const PATCH = 16;
/** Frames that share one latent frame, behind the first, which has its own. */
const CELL_FRAMES = 4;

/**
 * Bytes at the peak of the built-in model, whatever the picture's size: a handful of 32 channels in fp32 for a tile of
 * 1024 pixels, and BASE. Not measured by stage.
 */
export const BUILTIN_PEAK = 0.8e9;

/** A batch as far as memory depends on it. */
export interface BatchShape {
  /** Pixels of a result frame. */
  readonly target: TargetSize;
  /** Frames that go through together, 4n + 1; 1 is a picture. */
  readonly frames: number;
  /** Pixels a side of the autoencoder's tiles; Infinity where frames go through whole. */
  readonly tileSide: number;
}

/** A transformer as far as memory depends on it, read off its checkpoint's header. */
export interface TransformerShape extends Pick<TransformerSizes, "dim" | "mlp" | "blocks"> {
  /** Whether its weights are stored in fp32, so that nothing is converted. */
  readonly plain: boolean;
}

/** Bytes by stage, and at the peak of all. */
export interface MemoryNeed {
  readonly encode: number;
  readonly transformer: number;
  readonly decode: number;
  /** Beside every stage: the process and the frames held. */
  readonly beside: number;
  readonly peak: number;
}

/** What a batch needs with a transformer on a device. On a GPU the figures are taken for its memory. */
export function memoryNeed(batch: BatchShape, transformer: TransformerShape, choice: DeviceChoice): MemoryNeed {
  const { encode, decode, beside } = autoencoderNeed(batch);
  const needed = transformerBytes(batch, transformer, choice);
  return { encode, transformer: needed, decode, beside, peak: beside + Math.max(encode, needed, decode) };
}

/** The same without the transformer: what tiles can change. */
export function autoencoderPeak(batch: BatchShape): number {
  const { encode, decode, beside } = autoencoderNeed(batch);
  return beside + Math.max(encode, decode);
}

/** The same where the encoder's sessions are kept while decoding. */
export function keptSessionsPeak(batch: BatchShape): number {
  return autoencoderPeak(batch) + KERNELS.encode[passageOf(batch)];
}

function autoencoderNeed(batch: BatchShape) {
  const { width, height } = batch.target;
  const passage = passageOf(batch);
  const pixels = Math.min(batch.tileSide, width) * Math.min(batch.tileSide, height);
  return {
    encode: KERNELS.encode[passage] + pixels * PIXEL.encode[passage],
    decode: KERNELS.decode[passage] + pixels * PIXEL.decode[passage],
    beside: BASE + TASK + batch.frames * width * height * HELD,
  };
}

function passageOf({ frames }: BatchShape): Passage {
  if (frames === 1) return "picture";
  return frames <= SLICE ? "clip" : "slices";
}

/** Blocks are opened, run and closed one after the other: the widest counts. */
function transformerBytes(
  batch: BatchShape,
  { dim, mlp, blocks, plain }: TransformerShape,
  choice: DeviceChoice,
): number {
  const rows = tokensOf(batch) + TEXT_ROWS;
  return Math.max(
    ...blocks.map(({ hidden, weights }) => {
      const values = rows * (HIDDEN_VALUES * hidden + STREAM_VALUES * dim) * VALUE;
      if (choice.provider === "cpu") return values + (plain ? 0 : STRIPES * STRIPE * hidden * VALUE);
      const matrices = 4 * dim * dim + (mlp === "swiglu" ? 3 : 2) * dim * hidden;
      const sets = weights === "own" ? 2 : 1; // for video and text
      return values + sets * matrices * (choice.arithmetic === "fp16" ? 2 : VALUE);
    }),
  );
}

/** Tokens of a batch: latent frames times patches of a frame, sides padded to whole patches. */
function tokensOf({ target: { width, height }, frames }: BatchShape): number {
  const latentFrames = 1 + Math.ceil((frames - 1) / CELL_FRAMES);
  return latentFrames * Math.ceil(height / PATCH) * Math.ceil(width / PATCH);
}
