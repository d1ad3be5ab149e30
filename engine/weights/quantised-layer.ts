import type { EngineError } from "../errors.ts";
import { scalesInRows, storedScaleShape } from "./block-scales.ts";
import { readBytes } from "./decode.ts";
import type { LayerFormat } from "./layer-marker.ts";
import { malformed } from "./malformed.ts";
import { rotationMatrix } from "./rotation.ts";
import type { StoredTensor } from "./stored-tensor.ts";
import { countOf, type StoredType } from "./stored-type.ts";
import type { Weight, WeightPart } from "./weight.ts";

/** The tensors of one layer's weight: its codes and what stands beside them. */
export interface LayerTensors {
  readonly codes: StoredTensor;
  /** What the marker says, where there is one. */
  readonly marker?: LayerFormat | undefined;
  readonly scale?: StoredTensor | undefined;
  /** nvfp4's scale of the whole tensor. */
  readonly tensorScale?: StoredTensor | undefined;
}

/** Formats whose codes share a scale in runs along a row. */
const inRuns = {
  mxfp8: { codes: "F8_E4M3", perByte: 1, padded: 32, run: 32, scales: "U8" },
  nvfp4: { codes: "U8", perByte: 2, padded: 16, run: 16, scales: "F8_E4M3" },
} as const;

/**
 * The weight that a layer's tensors stand for (seedvr2-comfy-checkpoints.md section 3). Without a marker the types of
 * the tensors decide, also where the codes stand alone. Throws `checkpoint_malformed` where they do not fit together.
 */
export function quantisedWeight({ codes, marker, scale, tensorScale }: LayerTensors): Weight {
  if (marker?.format === "mxfp8" || marker?.format === "nvfp4") {
    return weightInRuns({ codes, scale, tensorScale }, marker.format);
  }
  if (tensorScale) throw unexpected(tensorScale);
  if (marker) wantType(codes, marker.format === "int8_tensorwise" ? "I8" : "F8_E4M3");
  if (codes.type === "U8") wantType(codes, "F8_E4M3");
  // Whole numbers are codes, and a marker announces a scale; only fp8 without either holds its values as they are.
  if (marker || codes.type === "I8") wantScale(codes, scale);
  return scaledWeight(codes, scale, marker?.rotated);
}

/** Codes times one scale, or one a row. */
function scaledWeight(codes: StoredTensor, scale: StoredTensor | undefined, rotated: number | undefined): Weight {
  const [rows = 1, columns = 0] = codes.shape;
  if (rotated !== undefined && (codes.shape.length !== 2 || columns % rotated !== 0)) {
    const allowed = `[rows, a multiple of ${rotated}], because it is rotated`;
    throw malformed(codes.path, { field: `shape of ${codes.name}`, found: codes.shape, allowed });
  }
  if (!scale) return codes;
  wantType(scale, "F32", "F16", "BF16");
  const count = countOf(scale.shape);
  if (count !== 1 && (count !== rows || scale.shape[0] !== rows)) {
    const allowed = `one value or ${rows}`;
    throw malformed(scale.path, { field: `shape of ${scale.name}`, found: scale.shape, allowed });
  }
  const rotation = rotated !== undefined && { rotated: { group: rotated, matrix: () => rotationMatrix(rotated) } };
  return { ...codes, scale, ...rotation };
}

function weightInRuns({ codes, scale, tensorScale }: LayerTensors, format: keyof typeof inRuns): Weight {
  const { perByte, padded, run, codes: codeType, scales } = inRuns[format];
  wantType(codes, codeType);
  const [rows = 0, stored = 0] = codes.shape;
  const columns = stored * perByte;
  if (codes.shape.length !== 2 || rows % padded !== 0 || columns % padded !== 0) {
    const allowed = `two multiples of ${padded}${perByte === 2 ? ", columns halved," : ""} for ${format}`;
    throw malformed(codes.path, { field: `shape of ${codes.name}`, found: codes.shape, allowed });
  }
  wantScale(codes, scale);
  wantType(scale, scales);
  const runs = columns / run;
  wantShape(scale, storedScaleShape(rows, runs));
  if (format === "nvfp4") {
    wantScale(codes, tensorScale, ".weight_scale_2");
    wantType(tensorScale, "F32");
    if (countOf(tensorScale.shape) !== 1) wantShape(tensorScale, [1]);
  } else if (tensorScale) {
    throw unexpected(tensorScale);
  }
  const step = { ...stepOf(scale, runs, { rows, padded }), ...(tensorScale && { scale: tensorScale }) };
  const type = perByte === 2 ? ("FP4" as const) : codes.type;
  return { ...codes, type, shape: [rows, columns], padded, runs: { length: run, step } };
}

/**
 * Block scales in row order: mxfp8's bytes are exponents, nvfp4's floats. Rows are asked for some at a time, in order;
 * all are read with the first and dropped with the last, rather than opening the file for each stripe.
 */
function stepOf(
  scale: StoredTensor,
  runs: number,
  { rows, padded }: { readonly rows: number; readonly padded: number },
): WeightPart {
  let read: Promise<Uint8Array> | undefined;
  const madeRows = async (from: number, to: number): Promise<Uint8Array> => {
    const bytes = await (read ??= readBytes(scale));
    if (to > rows - padded) read = undefined;
    return scalesInRows(bytes, { from, to, runs });
  };
  return { ...scale, type: scale.type === "U8" ? "F8_E8M0" : scale.type, shape: [rows, runs], madeRows };
}

function unexpected({ path, name }: StoredTensor): EngineError {
  return malformed(path, { field: name, found: "there", allowed: "only beside nvfp4" });
}

function wantType({ path, name, type }: StoredTensor, ...allowed: readonly StoredType[]): void {
  if (allowed.includes(type)) return;
  throw malformed(path, { field: `type of ${name}`, found: type, allowed: allowed.join(", ") });
}

function wantShape({ path, name, shape }: StoredTensor, wanted: readonly number[]): void {
  if (shape.length === wanted.length && shape.every((size, i) => size === wanted[i])) return;
  throw malformed(path, { field: `shape of ${name}`, found: shape, allowed: `[${wanted.join(", ")}]` });
}

function wantScale(
  codes: StoredTensor,
  scale: StoredTensor | undefined,
  ending = ".weight_scale",
): asserts scale is StoredTensor {
  if (scale) return;
  const field = codes.name.replace(/\.weight$/, ending);
  throw malformed(codes.path, { field, found: "missing", allowed: `a scale for ${codes.name}` });
}
