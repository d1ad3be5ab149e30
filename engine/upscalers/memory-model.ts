import type { DeviceChoice } from "../onnx/device-choice.ts";
import { STRIPE } from "../onnx/matmul.ts";
import type { TransformerSizes } from "../weights/network.ts";
import type { TargetSize } from "./upscaler.ts";

/**
 * How much private memory SeedVR2 needs at its peak, from shapes alone:
 *
 *     peak = BASE + max(encode, transformer, decode) + held
 *
 *     encode      = ENCODER_KERNELS + pixels of a tile · PIXEL
 *     decode      = DECODER_KERNELS + pixels of a tile · PIXEL
 *     transformer = tokens · (3 · hidden + 10 · dim) · 4 B + two stripes of converted weights; on a GPU one block's weights
 *     held        = frames of a batch · pixels of a frame · HELD
 *
 * Weights in files are mapped and not counted: the system takes their pages back when it needs them. Every figure that
 * was measured or chosen is a constant here, and nowhere else.
 */

/** Bytes of the process: Node, the runtime, ffmpeg's pipes. */
const BASE = 0.3e9;
/** Bytes of the decoder's kernels in fp32, reordered by the runtime. With BASE: what decoding took beside its pixels. */
const DECODER_KERNELS = 0.9e9;
/** Bytes of the encoder's kernels in fp32, for clips; a picture's are folded in time and need less. */
const ENCODER_KERNELS = 0.7e9;
/**
 * Bytes for each pixel of a tile while it goes through the autoencoder in fp32 on the processor. Measured on the decoder
 * of the published network: below 23 kB where five frames go through together, as they do in clips however long the
 * batch is; a picture takes its kernels folded in time. The encoder was not measured apart and is taken to need as much.
 */
const PIXEL = { clip: 23_000, picture: 6_000 } as const;
/** Bytes for each pixel and frame of a batch: prepared, decoded, blended and corrected frames in fp32. */
const HELD = 100;

/** Bytes of a value in fp32. */
const VALUE = 4;
/** Values a token that a block holds at once: hidden ones of the MLP (gate, value, product) … */
const HIDDEN_VALUES = 3;
/** … and ones as wide as the stream (itself, normed, q, k, v and their copies in windows, results of both halves). */
const STREAM_VALUES = 10;
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
  return autoencoderPeak(batch) + ENCODER_KERNELS;
}

function autoencoderNeed({ target: { width, height }, frames, tileSide }: BatchShape) {
  const pixels = Math.min(tileSide, width) * Math.min(tileSide, height);
  const values = pixels * (frames === 1 ? PIXEL.picture : PIXEL.clip);
  return {
    encode: ENCODER_KERNELS + values,
    decode: DECODER_KERNELS + values,
    beside: BASE + frames * width * height * HELD,
  };
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
