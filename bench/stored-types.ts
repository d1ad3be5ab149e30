import { byteTables, f16Table } from "../engine/weights/number-formats.ts";
import type { StoredType } from "../engine/weights/stored-type.ts";

/** Values of a GGUF block of the K types, which is also a whole number of the others'. */
export const ROW = 256;

/** Highest finite positive codes. */
const F16_MOST = 0x7bff;
const F8_MOST = 0x7e;

/** Plain writers of the types that checkpoints come in: to nearest, ranges by the extremes. Real tools weigh errors. */
export const encoders = {
  F32: (values) => new Uint8Array(values.slice().buffer),
  F16: (values) => new Uint8Array(Uint16Array.from(values, f16).buffer),
  F8_E4M3: (values) => Uint8Array.from(values, (value) => nearestCode(byteTables.F8_E4M3, F8_MOST, value)),
  Q8_0: (values) => blocksOf(values, 32, q80Block),
  Q4_K: (values) => blocksOf(values, ROW, q4kBlock),
} as const satisfies Partial<Record<StoredType, (values: Float32Array) => Uint8Array>>;

function f16(value: number): number {
  return nearestCode(f16Table, F16_MOST, value);
}

/** The code of the nearest value; codes 0 … `most` are the positive ones in order, the bit above them is the sign. */
function nearestCode(table: Float32Array, most: number, value: number): number {
  const size = Math.abs(value);
  let [low, high] = [0, most];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((table[middle] as number) <= size) low = middle;
    else high = middle;
  }
  const [down, up] = [size - (table[low] as number), (table[high] as number) - size];
  const code = down < up || (down === up && low % 2 === 0) ? low : high;
  return value < 0 ? code + table.length / 2 : code;
}

function blocksOf(values: Float32Array, length: number, block: (values: Float32Array) => Uint8Array): Uint8Array {
  const count = values.length / length;
  return Buffer.concat(Array.from({ length: count }, (_, i) => block(values.subarray(i * length, (i + 1) * length))));
}

/** 32 values: d as fp16, then whole multiples of it. */
function q80Block(values: Float32Array): Uint8Array {
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const block = Buffer.alloc(34);
  const unit = writeScale(block, 0, most / 127);
  values.forEach((value, i) => block.writeInt8(quotient(value, unit, -127, 127), 2 + i));
  return block;
}

/** 256 values in 8 parts of 32, each with a scale and a minimum of 6 bits (seedvr2-pipeline.md section 10). */
function q4kBlock(values: Float32Array): Uint8Array {
  const parts = Array.from({ length: 8 }, (_, j) => values.subarray(32 * j, 32 * (j + 1)));
  const minima = parts.map((part) => Math.max(0, -Math.min(...part)));
  const scales = parts.map((part, j) => Math.max(0, Math.max(...part) + (minima[j] as number)) / 15);
  const block = Buffer.alloc(144);
  const unit = writeScale(block, 0, Math.max(...scales) / 63);
  const minimumUnit = writeScale(block, 2, Math.max(...minima) / 63);
  const sc = scales.map((scale) => quotient(scale, unit, 0, 63));
  const m = minima.map((minimum) => quotient(minimum, minimumUnit, 0, 63));
  for (let j = 0; j < 4; j++) {
    const [lowScale = 0, highScale = 0, lowMinimum = 0, highMinimum = 0] = [sc[j], sc[j + 4], m[j], m[j + 4]];
    block[4 + j] = lowScale | ((highScale >> 4) << 6);
    block[8 + j] = lowMinimum | ((highMinimum >> 4) << 6);
    block[12 + j] = (highScale & 15) | ((highMinimum & 15) << 4);
  }
  parts.forEach((part, j) => {
    const start = 16 + 32 * (j >> 1);
    part.forEach((value, i) => {
      const code = quotient(value + minimumUnit * (m[j] as number), unit * (sc[j] as number), 0, 15);
      block[start + i] = (block[start + i] as number) | (code << (4 * (j % 2)));
    });
  });
  return block;
}

/** Writes a scale as fp16 and tells what it has become. */
function writeScale(block: Buffer, at: number, scale: number): number {
  const code = f16(scale);
  block.writeUInt16LE(code, at);
  return f16Table[code] as number;
}

function quotient(value: number, unit: number, least: number, most: number): number {
  return unit === 0 ? 0 : Math.min(most, Math.max(least, Math.round(value / unit)));
}
