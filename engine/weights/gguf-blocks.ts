import { f16Table } from "./number-formats.ts";

/**
 * Decoding of GGUF's quantised blocks to fp32. Each operation is rounded to fp32, the scale first multiplied by its
 * integer factor, so the values are those of every decoder that computes in fp32 (seedvr2-pipeline.md section 10).
 */
export type BlockDecoder = (block: Uint8Array, out: Float32Array) => void;

export type QuantisedType = "Q4_0" | "Q5_0" | "Q8_0" | "Q4_K" | "Q5_K" | "Q6_K";

const fround = Math.fround;

/** Decoder of one block by type: `block` has the type's bytes, `out` takes its values. */
export const blockDecoders: Readonly<Record<QuantisedType, BlockDecoder>> = {
  Q8_0: (block, out) => {
    const d = half(block, 0);
    for (let i = 0; i < 32; i++) out[i] = d * signed(byte(block, 2 + i));
  },
  Q4_0: (block, out) => {
    const d = half(block, 0);
    for (let i = 0; i < 16; i++) {
      const pair = byte(block, 2 + i);
      out[i] = d * ((pair & 15) - 8);
      out[i + 16] = d * ((pair >> 4) - 8);
    }
  },
  Q5_0: (block, out) => {
    const d = half(block, 0);
    const high = (j: number) => ((byte(block, 2 + (j >> 3)) >> (j & 7)) & 1) << 4;
    for (let i = 0; i < 16; i++) {
      const pair = byte(block, 6 + i);
      out[i] = d * (((pair & 15) | high(i)) - 16);
      out[i + 16] = d * (((pair >> 4) | high(i + 16)) - 16);
    }
  },
  Q4_K: (block, out) => decodeWithMinima(block, out, { data: 16, quant: (pair) => pair }),
  Q5_K: (block, out) =>
    decodeWithMinima(block, out, {
      data: 48,
      quant: (pair, sub, i) => pair | (((byte(block, 16 + i) >> sub) & 1) << 4),
    }),
  Q6_K: (block, out) => {
    const d = half(block, 208);
    for (let part = 0; part < 2; part++) {
      for (let i = 0; i < 128; i++) {
        const quarter = i >> 5;
        const low = byte(block, part * 64 + (i & 63)) >> (quarter < 2 ? 0 : 4);
        const high = byte(block, 128 + part * 32 + (i & 31)) >> (2 * quarter);
        const scale = signed(byte(block, 192 + part * 8 + (i >> 4)));
        out[part * 128 + i] = fround(d * scale) * (((low & 15) | ((high & 3) << 4)) - 32);
      }
    }
  },
};

interface FourBitLayout {
  /** Where the nibbles begin. */
  readonly data: number;
  /** The integer of value i of a sub-block, given its nibble. */
  readonly quant: (nibble: number, sub: number, i: number) => number;
}

/** Q4_K and Q5_K: eight sub-blocks of 32 values, each `d·scale·q − dmin·minimum`. */
function decodeWithMinima(block: Uint8Array, out: Float32Array, { data, quant }: FourBitLayout): void {
  const d = half(block, 0);
  const dmin = half(block, 2);
  for (let sub = 0; sub < 8; sub++) {
    const [scale, minimum] = scaleAndMinimum(block, sub);
    const step = fround(d * scale);
    const base = fround(dmin * minimum);
    for (let i = 0; i < 32; i++) {
      const pair = byte(block, data + (sub >> 1) * 32 + i);
      const q = quant(sub & 1 ? pair >> 4 : pair & 15, sub, i);
      out[sub * 32 + i] = fround(step * q) - base;
    }
  }
}

/** The 6-bit scale and minimum of a sub-block, out of the 12 bytes behind d and dmin. */
function scaleAndMinimum(block: Uint8Array, sub: number): readonly [number, number] {
  if (sub < 4) return [byte(block, 4 + sub) & 63, byte(block, 8 + sub) & 63];
  const extra = byte(block, 8 + sub);
  return [(extra & 15) | ((byte(block, sub) >> 2) & 48), (extra >> 4) | ((byte(block, 4 + sub) >> 2) & 48)];
}

function half(block: Uint8Array, at: number): number {
  return f16Table[byte(block, at) | (byte(block, at + 1) << 8)] ?? Number.NaN;
}

function byte(block: Uint8Array, at: number): number {
  return block[at] ?? 0;
}

function signed(value: number): number {
  return value > 127 ? value - 256 : value;
}
