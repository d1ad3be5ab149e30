import { createCipheriv } from "node:crypto";
import { normalNoise } from "../../engine/seedvr2/noise.ts";
import { storedTypes, type StoredType } from "../../engine/weights/stored-type.ts";

/** Types that random weights are written in. */
export type RandomType = Extract<StoredType, "F32" | "F16" | "F8_E4M3" | "I8" | "U8" | "Q8_0" | "Q4_K" | "Q6_K">;

export interface Distribution {
  readonly mean: number;
  readonly deviation: number;
}

/** Values that are drawn; all tensors are pieces of these. */
const SIDE = 2048;
const DRAWN = SIDE * SIDE;
const SEED = 1;
/** Start of one tensor's values behind those of the one before, in drawn values: a multiple of 256 that shares no factor with DRAWN but that. */
const STEP = 256 * 2003;

/**
 * Random numbers in the bytes of each type. Drawing and encoding happen once for each type and distribution; a tensor is
 * pieces of the result from a place of its own on, so that gigabytes take as long as writing them.
 */
export class RandomValues {
  readonly #normals: Float32Array<ArrayBuffer> = normalNoise(
    { frames: 1, height: SIDE, width: SIDE, channels: 1 },
    SEED,
    0,
  );
  readonly #bytes = createCipheriv("aes-128-ctr", Buffer.alloc(16, SEED), Buffer.alloc(16)).update(Buffer.alloc(DRAWN));
  readonly #encoded = new Map<string, Uint8Array>();
  #start = 0;

  /** The bytes of `count` values, whole blocks, in pieces. In bytes all codes are alike, whatever the distribution. */
  *pieces(
    type: RandomType,
    count: number,
    distribution: Distribution = { mean: 0, deviation: 1 },
  ): Generator<Uint8Array> {
    const drawn = this.#drawn(type, distribution);
    const { values, bytes } = storedTypes[type];
    this.#start = (this.#start + STEP) % DRAWN;
    for (let [at, left] = [this.#start, count]; left > 0; at = 0) {
      const piece = Math.min(left, DRAWN - at);
      yield drawn.subarray((at / values) * bytes, ((at + piece) / values) * bytes);
      left -= piece;
    }
  }

  #drawn(type: RandomType, distribution: Distribution): Uint8Array {
    const key = `${type} ${distribution.mean} ${distribution.deviation}`;
    const known = this.#encoded.get(key) ?? this.#encode(type, distribution);
    this.#encoded.set(key, known);
    return known;
  }

  #encode(type: RandomType, { mean, deviation }: Distribution): Uint8Array {
    if (type === "I8" || type === "U8") return this.#bytes;
    if (type === "Q8_0" || type === "Q4_K" || type === "Q6_K") return this.#blocks(type, deviation);
    return encoded(
      type,
      this.#normals.map((value) => mean + deviation * value),
    );
  }

  /** Blocks of random integers under one step each: values evenly spread around 0. */
  #blocks(type: keyof typeof blockHeads, deviation: number): Uint8Array {
    const { values, bytes } = storedTypes[type];
    const out = new Uint8Array((DRAWN / values) * bytes);
    out.set(this.#bytes.subarray(0, out.length));
    for (let at = this.#bytes.length; at < out.length; at += DRAWN)
      out.set(this.#bytes.subarray(0, out.length - at), at);
    const { levels, write } = blockHeads[type];
    const step = (deviation * Math.sqrt(12)) / levels; // an even spread over a width of 1 deviates by 1/√12
    const view = new DataView(out.buffer);
    for (let at = 0; at < out.length; at += bytes) write(view, at, step);
    return out;
  }
}

/** The bytes of values in a plain type. */
export function encoded(type: "F32" | "F16" | "F8_E4M3", values: Float32Array<ArrayBuffer>): Uint8Array {
  if (type === "F32") return new Uint8Array(values.buffer);
  const codes = type === "F16" ? new Uint16Array(values.length) : new Uint8Array(values.length);
  const layout = type === "F16" ? { fraction: 10, bias: 15 } : { fraction: 3, bias: 7 };
  for (let i = 0; i < codes.length; i++) codes[i] = code(values[i] as number, layout);
  return new Uint8Array(codes.buffer);
}

/** Scale of all runs of a K-quant; the block's own factor makes up for it. */
const RUN_SCALE = 32;

const half = (value: number) => code(value, { fraction: 10, bias: 15 });

/** Fills in what is no integer of a block (ggml, ggml-common.h), for values step · q around 0. */
const blockHeads = {
  Q8_0: { levels: 256, write: (view: DataView, at: number, step: number) => view.setUint16(at, half(step), true) },
  Q4_K: {
    levels: 16,
    write: (view: DataView, at: number, step: number) => {
      view.setUint16(at, half(step / RUN_SCALE), true);
      view.setUint16(at + 2, half((7.5 * step) / RUN_SCALE), true);
      // Eight scales and minima of 32: six bits each, 0b100000, the upper two of the later four kept with the first.
      for (let i = 0; i < 8; i++) view.setUint8(at + 4 + i, 0b10_100000);
      view.setUint32(at + 12, 0, true);
    },
  },
  Q6_K: {
    levels: 64,
    write: (view: DataView, at: number, step: number) => {
      for (let i = 0; i < 16; i++) view.setInt8(at + 192 + i, RUN_SCALE);
      view.setUint16(at + 208, half(step / RUN_SCALE), true);
    },
  },
} as const;

const f32 = new Float32Array(1);
const bits = new Uint32Array(f32.buffer);

/** Exponent bias and fraction bits of fp32. */
const F32_BIAS = 127;
const F32_FRACTION = 23;

/** The nearest code of a narrow floating-point type with a sign in front; for values it can hold. */
function code(value: number, { fraction, bias }: { fraction: number; bias: number }): number {
  const signBit = value < 0 || Object.is(value, -0) ? 1 : 0;
  const exponentBits = Math.ceil(Math.log2(2 * bias + 2));
  const sign = signBit << (exponentBits + fraction);
  const size = Math.abs(value);
  if (size < 2 ** (1 - bias)) return sign | Math.round(size * 2 ** (bias - 1 + fraction));
  f32[0] = size;
  const drop = F32_FRACTION - fraction;
  return sign | ((((bits[0] as number) + (1 << (drop - 1))) >>> drop) - ((F32_BIAS - bias) << fraction));
}
