/**
 * Quantisers and writers of the formats that checkpoints come in, plain ones of our own: round to nearest. Each gives the
 * tensors of a layer as a file has them, and the values they stand for.
 */
import type { TensorData } from "../../engine/weights/safetensors-writer.ts";
import { bytesOf, e4m3Code, e4m3Value, storeValues } from "./number-writers.ts";

export const layerFormats = [
  ...([
    "fp16",
    "bf16",
    "fp8",
    "fp8_e5m2",
    "fp8_scaled",
    "int8_tensor",
    "int8_rows",
    "int8_convrot",
    "mxfp8",
    "nvfp4",
  ] as const),
] as const;
export type LayerFormat = (typeof layerFormats)[number];

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

export interface StoredLayer {
  /** By the full name of each tensor. */
  readonly tensors: ReadonlyMap<string, TensorData>;
  /** What they stand for, [rows, columns]. */
  readonly values: Float32Array;
}

/** Stores `<layer>.weight` in a format. `group`: columns that int8_convrot rotates together. */
export function storeLayer(format: LayerFormat, layer: string, matrix: Matrix, group = 256): StoredLayer {
  switch (format) {
    case "fp16":
    case "bf16":
    case "fp8":
    case "fp8_e5m2": {
      const { data, values } = storeValues(format, [matrix.rows, matrix.columns], matrix.values);
      return { tensors: new Map([[`${layer}.weight`, data]]), values };
    }
    case "fp8_scaled":
      return fp8Scaled(layer, matrix);
    case "int8_tensor":
    case "int8_rows":
      return int8(layer, matrix, { perRow: format === "int8_rows" });
    case "int8_convrot":
      return int8(layer, matrix, { perRow: true, group });
    case "mxfp8":
      return mxfp8(layer, matrix);
    case "nvfp4":
      return nvfp4(layer, matrix);
  }
}

function fp8Scaled(layer: string, { rows, columns, values }: Matrix): StoredLayer {
  const scale = Math.fround(largest(values) / 448);
  const codes = Uint8Array.from(values, (value) => e4m3Code(value / scale));
  return {
    tensors: new Map<string, TensorData>([
      [`${layer}.weight`, { type: "F8_E4M3", shape: [rows, columns], bytes: codes }],
      [`${layer}.weight_scale`, f32([], [scale])],
      [`${layer}.comfy_quant`, marker({ format: "float8_e4m3fn" })],
    ]),
    values: Float32Array.from(codes, (code) => e4m3Value(code) * scale),
  };
}

function int8(layer: string, matrix: Matrix, how: { perRow: boolean; group?: number }): StoredLayer {
  const { rows, columns } = matrix;
  const { group } = how;
  const source = group === undefined ? matrix.values : rotated(matrix.values, group);
  const perScale = how.perRow ? columns : rows * columns;
  const scales = Array.from({ length: (rows * columns) / perScale }, (_, i) => {
    const part = source.subarray(i * perScale, (i + 1) * perScale);
    return Math.fround(largest(part) / 127) || 1;
  });
  const codes = Int8Array.from(source, (value, i) => Math.round(value / (scales[Math.floor(i / perScale)] as number)));
  const values = Float32Array.from(codes, (code, i) => code * (scales[Math.floor(i / perScale)] as number));
  const flags = group === undefined ? {} : { convrot: true, convrot_groupsize: group };
  return {
    tensors: new Map<string, TensorData>([
      [`${layer}.weight`, { type: "I8", shape: [rows, columns], bytes: new Uint8Array(codes.buffer) }],
      [`${layer}.weight_scale`, f32(how.perRow ? [rows, 1] : [1], scales)],
      [`${layer}.comfy_quant`, marker({ format: "int8_tensorwise", ...flags })],
    ]),
    values: group === undefined ? values : rotated(values, group),
  };
}

function mxfp8(layer: string, { rows, columns, values }: Matrix): StoredLayer {
  const [storedRows, storedColumns] = [roundUp(rows, 32), roundUp(columns, 32)];
  const runs = storedColumns / 32;
  const codes = new Uint8Array(storedRows * storedColumns);
  const exponents = new Uint8Array(storedRows * runs);
  const out = new Float32Array(rows * columns);
  eachRun({ rows, columns, values }, 32, ({ row, run, from, to }) => {
    const most = largest(values.subarray(from, to));
    if (most === 0) return;
    const exponent = Math.ceil(Math.log2(most / 448));
    exponents[row * runs + run] = exponent + 127;
    for (let i = from; i < to; i++) {
      const code = e4m3Code((values[i] as number) / 2 ** exponent);
      codes[row * storedColumns + (i - row * columns)] = code;
      out[i] = e4m3Value(code) * 2 ** exponent;
    }
  });
  const { shape, bytes } = tiled(exponents, storedRows, runs);
  return {
    tensors: new Map<string, TensorData>([
      [`${layer}.weight`, { type: "F8_E4M3", shape: [storedRows, storedColumns], bytes: codes }],
      [`${layer}.weight_scale`, { type: "U8", shape, bytes }],
      [`${layer}.comfy_quant`, marker({ format: "mxfp8" })],
    ]),
    values: out,
  };
}

function nvfp4(layer: string, { rows, columns, values }: Matrix): StoredLayer {
  const [storedRows, storedColumns] = [roundUp(rows, 16), roundUp(columns, 16)];
  const runs = storedColumns / 16;
  const tensorScale = Math.fround(largest(values) / (6 * 448));
  const codes = new Uint8Array((storedRows * storedColumns) / 2);
  const scales = new Uint8Array(storedRows * runs);
  const out = new Float32Array(rows * columns);
  eachRun({ rows, columns, values }, 16, ({ row, run, from, to }) => {
    const code = e4m3Code(largest(values.subarray(from, to)) / 6 / tensorScale);
    scales[row * runs + run] = code;
    const scale = Math.fround(e4m3Value(code) * tensorScale);
    for (let i = from; i < to; i++) {
      const nibble = scale === 0 ? 0 : e2m1Code((values[i] as number) / scale);
      const at = row * storedColumns + (i - row * columns);
      codes[at >> 1] = (codes[at >> 1] as number) | (nibble << (at % 2 === 0 ? 4 : 0));
      out[i] = e2m1Value(nibble) * scale;
    }
  });
  const { shape, bytes } = tiled(scales, storedRows, runs);
  return {
    tensors: new Map<string, TensorData>([
      [`${layer}.weight`, { type: "U8", shape: [storedRows, storedColumns / 2], bytes: codes }],
      [`${layer}.weight_scale`, { type: "F8_E4M3", shape, bytes }],
      [`${layer}.weight_scale_2`, f32([], [tensorScale])],
      [`${layer}.comfy_quant`, marker({ format: "nvfp4" })],
    ]),
    values: out,
  };
}

interface Run {
  readonly row: number;
  readonly run: number;
  /** Elements of the matrix, `to` excluded. */
  readonly from: number;
  readonly to: number;
}

function eachRun({ rows, columns }: Matrix, length: number, visit: (run: Run) => void): void {
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < columns; at += length) {
      const from = row * columns + at;
      visit({ row, run: at / length, from, to: row * columns + Math.min(at + length, columns) });
    }
  }
}

/** Scales [rows, runs] padded to 128 × 4 and in the order of seedvr2-comfy-checkpoints.md section 4. */
function tiled(scales: Uint8Array, rows: number, runs: number): { shape: number[]; bytes: Uint8Array } {
  const shape = [roundUp(rows, 128), roundUp(runs, 4)];
  const [padded = 0, width = 0] = shape;
  const bytes = new Uint8Array(padded * width);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < runs; c++) {
      const block = Math.floor(r / 128) * (width / 4) + Math.floor(c / 4);
      const [a, b] = [Math.floor((r % 128) / 32), r % 32];
      bytes[block * 512 + b * 16 + a * 4 + (c % 4)] = scales[r * runs + c] as number;
    }
  }
  return { shape, bytes };
}

const H4 = [
  [1, 1, 1, -1],
  [1, 1, -1, 1],
  [1, -1, 1, 1],
  [-1, 1, 1, 1],
];

/** The Kronecker product of two square matrices. */
function kronecker(a: readonly number[][], b: readonly number[][]): number[][] {
  return a.flatMap((row) => b.map((other) => row.flatMap((x) => other.map((y) => x * y))));
}

function rotated(values: Float32Array, group: number): Float32Array {
  let h = H4;
  while (h.length < group) h = kronecker(h, H4);
  const out = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += group) {
    h.forEach((row, i) => {
      let sum = 0;
      for (let j = 0; j < group; j++) sum += (row[j] as number) * (values[start + j] as number);
      out[start + i] = sum / Math.sqrt(group);
    });
  }
  return out;
}

const e2m1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];

function e2m1Value(code: number): number {
  return (code & 8 ? -1 : 1) * (e2m1[code & 7] as number);
}

function e2m1Code(value: number): number {
  const size = Math.abs(value);
  const near = e2m1.reduce((best, x, i) => (Math.abs(x - size) < Math.abs((e2m1[best] ?? 0) - size) ? i : best), 0);
  return (value < 0 ? 8 : 0) | near;
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}

function marker(content: object): TensorData {
  const bytes = new Uint8Array(Buffer.from(JSON.stringify(content)));
  return { type: "U8", shape: [bytes.length], bytes };
}

function f32(shape: readonly number[], values: readonly number[]): TensorData {
  return { type: "F32", shape, bytes: bytesOf(Float32Array.from(values)) };
}
