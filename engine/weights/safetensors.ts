import { jsonFault } from "./json-limits.ts";
import { malformed } from "./malformed.ts";
import { checkPlacement, demandedLength, MAX_NAME_BYTES, MAX_TENSORS } from "./placement.ts";
import type { Checkpoint, FileHead, StoredTensor } from "./stored-tensor.ts";
import type { StoredType } from "./stored-type.ts";

/** Bytes before the header: its length as u64. */
const LENGTH_BYTES = 8;
/** Longest header that is read. A 7B checkpoint has 140 kB. */
const MAX_HEADER = 16 * 2 ** 20;

const types: ReadonlyMap<unknown, StoredType> = new Map(
  (["F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "I64", "I32", "I16", "I8", "U8", "BOOL"] as const).map((t) => [t, t]),
);

/**
 * Number of bytes at the start of a safetensors file that hold its header, read off its first 8 bytes. Throws
 * `checkpoint_malformed` for a length outside the file or over 16 MiB.
 */
export function safetensorsHeadLength({ path, bytes, size }: FileHead): number {
  if (bytes.length < LENGTH_BYTES) {
    throw malformed(path, { field: "file size", found: size, allowed: `${LENGTH_BYTES} bytes or more` });
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  const most = Math.min(MAX_HEADER, size - LENGTH_BYTES);
  if (length < 2n || length > BigInt(most)) {
    throw malformed(path, { field: "header length", found: length, allowed: `2 to ${most}` });
  }
  return LENGTH_BYTES + Number(length);
}

/**
 * The tensors of a safetensors file, from its head (at least `safetensorsHeadLength` bytes). Format: u64 length, JSON
 * `{name: {dtype, shape, data_offsets}}`, data; offsets count from the data's start (seedvr2-pipeline.md section 10).
 * Throws `checkpoint_malformed`.
 */
export function parseSafetensors(head: FileHead): Checkpoint {
  const { path, size } = head;
  const start = safetensorsHeadLength(head);
  if (head.bytes.length < start) {
    throw malformed(path, { field: "header", found: `${head.bytes.length} bytes`, allowed: `${start} bytes` });
  }
  const header = parseHeader(path, head.bytes.subarray(LENGTH_BYTES, start));
  const names = Object.keys(header).filter((name) => name !== "__metadata__");
  if (names.length > MAX_TENSORS) {
    throw malformed(path, { field: "number of tensors", found: names.length, allowed: `at most ${MAX_TENSORS}` });
  }
  const tensors = new Map(names.map((name) => [name, tensorOf(path, start, name, header[name])]));
  checkPlacement(path, size, tensors.values());
  return { path, format: "safetensors", tensors, metadata: metadataOf(path, header["__metadata__"]) };
}

function parseHeader(path: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const field = "header";
  let header: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const fault = jsonFault(text);
    if (fault) throw malformed(path, { field, ...fault });
    header = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) {
      throw malformed(path, { field, found: `no JSON text (${error.message})`, allowed: "a JSON object" });
    }
    throw error;
  }
  if (!isRecord(header)) throw malformed(path, { field, found: header, allowed: "a JSON object" });
  return header;
}

function tensorOf(path: string, start: number, name: string, entry: unknown): StoredTensor {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw malformed(path, { field: "name of a tensor", found: name, allowed: `at most ${MAX_NAME_BYTES} bytes` });
  }
  if (!isRecord(entry)) {
    throw malformed(path, { field: `entry of ${name}`, found: entry, allowed: "an object" });
  }
  const type = types.get(entry["dtype"]);
  if (!type) {
    throw malformed(path, { field: `dtype of ${name}`, found: entry["dtype"], allowed: [...types.keys()].join(", ") });
  }
  const shape = entry["shape"];
  if (!isNumbers(shape)) {
    throw malformed(path, { field: `shape of ${name}`, found: shape, allowed: "an array of whole numbers" });
  }
  const offsets = entry["data_offsets"];
  if (!isNumbers(offsets) || offsets.length !== 2 || !offsets.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw malformed(path, { field: `data_offsets of ${name}`, found: offsets, allowed: "two whole numbers" });
  }
  const [from = 0, to = 0] = offsets;
  const length = demandedLength(path, name, type, shape);
  if (to - from !== length) {
    throw malformed(path, { field: `length of ${name}`, found: to - from, allowed: `${length}, by type and shape` });
  }
  return { name, type, shape, path, offset: start + from, length };
}

function metadataOf(path: string, entry: unknown): ReadonlyMap<string, string> {
  if (entry === undefined) return new Map();
  if (!isRecord(entry)) throw malformed(path, { field: "__metadata__", found: entry, allowed: "an object of texts" });
  return new Map(Object.entries(entry).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}
