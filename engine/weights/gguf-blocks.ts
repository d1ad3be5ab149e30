import { f16Table } from "./number-formats.ts";

/**
 * GGUF's quantised blocks as integers, steps and bases: a value is `step·q − base`, each operation rounded to fp32, so
 * the values are those of every decoder that computes in fp32 (seedvr2-pipeline.md section 10).
 */
export interface UnpackedBlock {
  /** One integer for each value. */
  readonly q: Int8Array;
  /** One for each `run` of values. */
  readonly step: Float32Array;
  readonly base: Float32Array;
}

export interface BlockFormat {
  /** Values that share a step. */
  readonly run: 16 | 32;
  /** Bits that hold q: 4 where it is 0 … 15. */
  readonly bits: 4 | 8;
  /** False where all bases are 0. */
  readonly hasBase: boolean;
  /** Reads the block whose bytes begin at `from`. */
  readonly unpack: UnpackBlock;
  /**
   * The bytes at the start of a block that hold its steps and bases, where these in fp32 would make a repacked file more
   * than 1.6 times as large as its blocks: then they are kept as they are.
   */
  readonly head?: { readonly bytes: number; readonly unpack: UnpackBlock };
}

type UnpackBlock = (bytes: Uint8Array, from: number, block: UnpackedBlock) => void;

export type QuantisedType = "Q4_0" | "Q5_0" | "Q8_0" | "Q4_K" | "Q5_K" | "Q6_K";

const fround = Math.fround;

export const blockFormats: Readonly<Record<QuantisedType, BlockFormat>> = {
  Q8_0: {
    run: 32,
    bits: 8,
    hasBase: false,
    unpack: (bytes, from, { q, step }) => {
      step[0] = half(bytes, from);
      for (let i = 0; i < 32; i++) q[i] = bytes[from + 2 + i] as number;
    },
  },
  // d·(q − 8) as d·q − 8d, which is exact.
  Q4_0: {
    run: 32,
    bits: 4,
    hasBase: true,
    unpack: (bytes, from, { q, step, base }) => {
      const d = half(bytes, from);
      step[0] = d;
      base[0] = 8 * d;
      for (let i = 0; i < 16; i++) {
        const pair = bytes[from + 2 + i] as number;
        q[i] = pair & 15;
        q[i + 16] = pair >> 4;
      }
    },
  },
  Q5_0: {
    run: 32,
    bits: 8,
    hasBase: false,
    head: { bytes: 2, unpack: (bytes, from, { step }) => (step[0] = half(bytes, from)) },
    unpack: (bytes, from, { q, step }) => {
      step[0] = half(bytes, from);
      const fifthBit = (j: number) => (((bytes[from + 2 + (j >> 3)] as number) >> (j & 7)) & 1) << 4;
      for (let i = 0; i < 16; i++) {
        const pair = bytes[from + 6 + i] as number;
        q[i] = ((pair & 15) | fifthBit(i)) - 16;
        q[i + 16] = ((pair >> 4) | fifthBit(i + 16)) - 16;
      }
    },
  },
  Q4_K: {
    run: 32,
    bits: 4,
    hasBase: true,
    unpack: (bytes, from, block) => {
      unpackSteps(bytes, from, block);
      for (let i = 0; i < 256; i++) block.q[i] = nibble(bytes, from + 16, i);
    },
  },
  Q5_K: {
    run: 32,
    bits: 8,
    hasBase: true,
    head: { bytes: 16, unpack: unpackSteps },
    unpack: (bytes, from, block) => {
      unpackSteps(bytes, from, block);
      for (let i = 0; i < 256; i++) {
        const fifthBit = (((bytes[from + 16 + (i & 31)] as number) >> (i >> 5)) & 1) << 4;
        block.q[i] = nibble(bytes, from + 48, i) | fifthBit;
      }
    },
  },
  Q6_K: {
    run: 16,
    bits: 8,
    hasBase: false,
    unpack: (bytes, from, { q, step }) => {
      const d = half(bytes, from + 208);
      for (let run = 0; run < 16; run++) step[run] = d * signed(bytes[from + 192 + run] as number);
      for (let i = 0; i < 256; i++) {
        const [part, quarter] = [i >> 7, (i >> 5) & 3];
        const low = (bytes[from + part * 64 + (i & 63)] as number) >> (quarter < 2 ? 0 : 4);
        const high = (bytes[from + 128 + part * 32 + (i & 31)] as number) >> (2 * quarter);
        q[i] = ((low & 15) | ((high & 3) << 4)) - 32;
      }
    },
  },
};

export function isQuantised(type: string): type is QuantisedType {
  return Object.hasOwn(blockFormats, type);
}

/** Value i of a block of four-bit integers: each 32 bytes hold 32 values in low nibbles, then 32 in high ones. */
function nibble(bytes: Uint8Array, data: number, i: number): number {
  return ((bytes[data + (i >> 6) * 32 + (i & 31)] as number) >> (i & 32 ? 4 : 0)) & 15;
}

/** Steps d·scale and bases dmin·minimum of Q4_K and Q5_K: d, dmin, then 12 bytes of eight 6-bit scales and minima. */
function unpackSteps(bytes: Uint8Array, from: number, { step, base }: UnpackedBlock): void {
  const [d, dmin] = [half(bytes, from), half(bytes, from + 2)];
  for (let sub = 0; sub < 8; sub++) {
    const [first, second] = [bytes[from + 4 + sub] as number, bytes[from + 8 + sub] as number];
    if (sub < 4) {
      step[sub] = d * (first & 63);
      base[sub] = dmin * (second & 63);
    } else {
      step[sub] = d * ((second & 15) | (((bytes[from + sub] as number) >> 2) & 48));
      base[sub] = dmin * ((second >> 4) | ((first >> 2) & 48));
    }
  }
}

/** Values of whole blocks. */
export function decodeBlocks(type: QuantisedType, bytes: Uint8Array, blockBytes: number): Float32Array<ArrayBuffer> {
  const { unpack, run } = blockFormats[type];
  const block = emptyBlock(type);
  const values = block.q.length;
  const out = new Float32Array((bytes.length / blockBytes) * values);
  for (let from = 0, to = 0; from < bytes.length; from += blockBytes, to += values) {
    unpack(bytes, from, block);
    for (let i = 0; i < values; i++) {
      const at = Math.floor(i / run);
      out[to + i] = fround((block.step[at] as number) * (block.q[i] as number)) - (block.base[at] as number);
    }
  }
  return out;
}

/** Room for a block of a type. */
export function emptyBlock(type: QuantisedType): UnpackedBlock {
  const values = type.endsWith("_0") ? 32 : 256;
  const runs = values / blockFormats[type].run;
  return { q: new Int8Array(values), step: new Float32Array(runs), base: new Float32Array(runs) };
}

function half(bytes: Uint8Array, at: number): number {
  return f16Table[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}

function signed(value: number): number {
  return (value << 24) >> 24;
}
