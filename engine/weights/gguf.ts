import { ByteCursor } from "./byte-cursor.ts";
import { malformed } from "./malformed.ts";
import { checkPlacement, demandedLength, MAX_NAME_BYTES, MAX_RANK, MAX_TENSORS } from "./placement.ts";
import type { Checkpoint, FileHead, StoredTensor } from "./stored-tensor.ts";
import { countOf, type StoredType } from "./stored-type.ts";

export const GGUF_MAGIC = 0x46554747; // "GGUF", little-endian

/** Most metadata pairs, elements of an array and bytes of a text that are believed. */
const MAX_PAIRS = 65_536;
const MAX_ELEMENTS = 2 ** 20;
const MAX_TEXT = 2 ** 20;
const MAX_ALIGNMENT = 2 ** 20;
/** Some tools put this before every name (city96/ComfyUI-GGUF). */
const PREFIX = "model.diffusion_model.";
/** Metadata key of the true shape of a tensor that was re-cut to rows of whole blocks. */
const TRUE_SHAPE = "comfy.gguf.orig_shape.";

/** ggml's numbers of tensor types (ggml-org/ggml docs/gguf.md). */
const types: ReadonlyMap<number, StoredType> = new Map([
  [0, "F32"],
  [1, "F16"],
  [2, "Q4_0"],
  [6, "Q5_0"],
  [8, "Q8_0"],
  [12, "Q4_K"],
  [13, "Q5_K"],
  [14, "Q6_K"],
  [30, "BF16"],
]);

type Scalar = string | number | boolean;
type Pairs = ReadonlyMap<string, Scalar | readonly Scalar[]>;

const TEXT = 8;
const ARRAY = 9;

/** How a metadata value of each GGUF value type is read. */
const scalars: ReadonlyMap<number, (at: ByteCursor) => number | boolean> = new Map<
  number,
  (at: ByteCursor) => number | boolean
>([
  [0, (at) => at.u8()],
  [1, (at) => at.i8()],
  [2, (at) => at.u16()],
  [3, (at) => at.i16()],
  [4, (at) => at.u32()],
  [5, (at) => at.i32()],
  [6, (at) => at.f32()],
  [7, (at) => at.u8() !== 0],
  [10, (at) => at.u64()],
  [11, (at) => at.i64()],
  [12, (at) => at.f64()],
]);

/**
 * The tensors of a GGUF file, versions 2 and 3 (seedvr2-pipeline.md section 10), from its head. Throws `EndOfBytes`
 * where the head is too short to hold the header, else `checkpoint_malformed`.
 */
export function parseGguf(head: FileHead): Checkpoint {
  const { path, size } = head;
  const at = new ByteCursor(head.bytes);
  const magic = at.u32();
  if (magic !== GGUF_MAGIC) throw malformed(path, { field: "magic", found: magic, allowed: "GGUF" });
  const version = at.u32();
  if (version !== 2 && version !== 3) throw malformed(path, { field: "version", found: version, allowed: "2 or 3" });
  const tensorCount = bounded(path, "number of tensors", at.u64(), MAX_TENSORS);
  const pairCount = bounded(path, "number of metadata pairs", at.u64(), MAX_PAIRS);
  const pairs = readPairs(path, at, pairCount);
  const infos = Array.from({ length: tensorCount }, () => readInfo(path, at));
  const alignment = alignmentOf(path, pairs.get("general.alignment") ?? 32);
  const dataStart = Math.ceil(at.position / alignment) * alignment;
  const tensors = new Map<string, StoredTensor>();
  for (const info of infos) {
    const tensor = placed(path, info, dataStart, pairs);
    if (tensors.has(tensor.name)) {
      throw malformed(path, { field: "name of a tensor", found: `${tensor.name} twice`, allowed: "each name once" });
    }
    tensors.set(tensor.name, tensor);
  }
  checkPlacement(path, size, tensors.values());
  const metadata = new Map([...pairs].flatMap(([key, value]) => (isScalar(value) ? [[key, value] as const] : [])));
  return { path, format: "gguf", tensors, metadata };
}

interface TensorInfo {
  readonly name: string;
  readonly type: StoredType;
  /** Slowest dimension first, as stored. */
  readonly shape: readonly number[];
  /** From the start of the data. */
  readonly offset: number;
}

function readPairs(path: string, at: ByteCursor, count: number): Pairs {
  const pairs = new Map<string, Scalar | readonly Scalar[]>();
  for (let i = 0; i < count; i++) {
    const key = readText(path, at, "key of a metadata pair");
    if (pairs.has(key)) {
      throw malformed(path, { field: "metadata", found: `the key ${key} twice`, allowed: "each key once" });
    }
    pairs.set(key, readValue(path, at, key));
  }
  return pairs;
}

function readValue(path: string, at: ByteCursor, key: string): Scalar | readonly Scalar[] {
  const type = at.u32();
  if (type !== ARRAY) return readScalar(path, at, key, type);
  const elementType = at.u32();
  const count = bounded(path, `length of ${key}`, at.u64(), MAX_ELEMENTS);
  const elements: Scalar[] = [];
  for (let i = 0; i < count; i++) elements.push(readScalar(path, at, key, elementType));
  return elements;
}

function readScalar(path: string, at: ByteCursor, key: string, type: number): Scalar {
  if (type === TEXT) return readText(path, at, key);
  const read = scalars.get(type);
  if (!read) {
    const allowed = "0 to 12, no array in an array";
    throw malformed(path, { field: `value type of ${key}`, found: type, allowed });
  }
  return read(at);
}

function readText(path: string, at: ByteCursor, field: string): string {
  const length = bounded(path, `length of ${field}`, at.u64(), MAX_TEXT);
  return new TextDecoder().decode(at.take(length));
}

function readInfo(path: string, at: ByteCursor): TensorInfo {
  const stored = readText(path, at, "name of a tensor");
  bounded(path, "length of a tensor's name", stored.length, MAX_NAME_BYTES);
  const rank = bounded(path, `dimensions of ${stored}`, at.u32(), MAX_RANK);
  const shape = Array.from({ length: rank }, () => at.u64()).reverse();
  const number = at.u32();
  const type = types.get(number);
  if (!type) {
    const allowed = [...types].map(([id, name]) => `${id} ${name}`).join(", ");
    throw malformed(path, { field: `type of ${stored}`, found: number, allowed });
  }
  const offset = bounded(path, `offset of ${stored}`, at.u64(), Number.MAX_SAFE_INTEGER / 2);
  return { name: stored.startsWith(PREFIX) ? stored.slice(PREFIX.length) : stored, type, shape, offset };
}

function placed(path: string, info: TensorInfo, dataStart: number, pairs: Pairs): StoredTensor {
  const { name, type, shape } = info;
  const length = demandedLength(path, name, type, shape);
  const row = shape.at(-1) ?? 1;
  // Blocks run along the fastest dimension, so a row that ends inside a block is not possible.
  if (length > 0) demandedLength(path, name, type, [row]);
  const truth = pairs.get(TRUE_SHAPE + name) ?? pairs.get(TRUE_SHAPE + PREFIX + name) ?? shape;
  const logical = Array.isArray(truth) ? (truth as readonly Scalar[]).map(Number) : [Number.NaN];
  demandedLength(path, name, "U8", logical);
  if (countOf(logical) !== countOf(shape)) {
    throw malformed(path, {
      field: TRUE_SHAPE + name,
      found: logical,
      allowed: `as many values as ${shape.join("×")}`,
    });
  }
  return { name, type, shape: logical, path, offset: dataStart + info.offset, length };
}

function alignmentOf(path: string, value: Scalar | readonly Scalar[]): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > MAX_ALIGNMENT) {
    const allowed = `a whole number from 1 to ${MAX_ALIGNMENT}`;
    throw malformed(path, { field: "general.alignment", found: value, allowed });
  }
  return value;
}

function isScalar(value: Scalar | readonly Scalar[]): value is Scalar {
  return typeof value !== "object";
}

function bounded(path: string, field: string, found: number, most: number): number {
  if (!(found <= most)) throw malformed(path, { field, found, allowed: `at most ${most}` });
  return found;
}
