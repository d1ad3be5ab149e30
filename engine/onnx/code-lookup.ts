import type { InitializerData, InitializerParts, NodeParts } from "./graph-parts.ts";
import { elementTypes, type Shape, type Value } from "./value.ts";

/** What a lookup is put into a graph through. */
export interface LookupSink {
  readonly initializer: (name: string, parts: InitializerParts) => Value;
  /** Adds a node that converts a weight. */
  readonly convert: (parts: NodeParts) => Value;
  /** Few numbers, made once for all that want the same. */
  readonly constant: (values: readonly number[], shape: Shape, type: "F32" | "I64") => Value;
  /** A table in fp32 under a name, made once. */
  readonly table: (name: string, shape: Shape, values: () => Float32Array<ArrayBuffer>) => Value;
}

/** Codes of a byte or less, and what they stand for. */
export interface Codes {
  /** Name of the initializer. */
  readonly key: string;
  readonly type: string;
  /** Of the values: rows and columns, or one axis. */
  readonly shape: Shape;
  readonly data: InitializerData;
  /** The value or values of every byte, in order: of one code or two. */
  readonly byteValues: Float32Array;
}

const BYTES = 256;

/**
 * The fp32 values of codes, which lie as they are stored: two bytes at a time are looked up in a table of all they can be.
 * No operator reads four-bit floats, and those that read eight-bit ones are slow (on CPU 2 ns a value, 8 where it is
 * subnormal in its type, as most are that have no scale; the lookup takes 1.5, fp16 0.3, on two cores).
 */
export function lookedUp(sink: LookupSink, { key, type, shape, data, byteValues }: Codes): Value {
  const perByte = byteValues.length / BYTES;
  const bytes = (shape.at(-1) ?? 1) / perByte;
  const inPairs = bytes % 2 === 0;
  const width = inPairs ? 2 * perByte : perByte;
  const codes = sink.initializer(key, {
    type: inPairs ? "U16" : "U8",
    shape: [...shape.slice(0, -1), inPairs ? bytes / 2 : bytes],
    data,
  });
  const table = inPairs
    ? sink.table(`${type}.pairs`, [BYTES * BYTES, width], () => valuesOfPairs(byteValues, perByte))
    : sink.table(`${type}.bytes`, [BYTES, width], () => Float32Array.from(byteValues));
  const attributes = { to: elementTypes.I32.onnx };
  const indices = sink.convert({ operator: "Cast", inputs: [codes], attributes, type: "I32", shape: codes.shape });
  const looked = { operator: "Gather", inputs: [table, indices], attributes: { axis: 0 }, type: "F32" } as const;
  const values = sink.convert({ ...looked, shape: [...codes.shape, width] });
  const target = sink.constant(shape, [shape.length], "I64");
  return sink.convert({ operator: "Reshape", inputs: [values, target], type: "F32", shape });
}

/** Tables that were made, by the values of their bytes: every part of a network wants the same. */
const pairTables = new WeakMap<Float32Array, Float32Array<ArrayBuffer>>();

function valuesOfPairs(byteValues: Float32Array, perByte: number): Float32Array<ArrayBuffer> {
  const known = pairTables.get(byteValues) ?? pairTable(byteValues, perByte);
  pairTables.set(byteValues, known);
  return known;
}

/** Values of each two bytes, the lower byte's first: that is the one which lies in front. */
function pairTable(byteValues: Float32Array, perByte: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(BYTES * BYTES * 2 * perByte);
  for (let pair = 0; pair < BYTES * BYTES; pair++) {
    const [first, second] = [pair % BYTES, Math.floor(pair / BYTES)];
    out.set(byteValues.subarray(first * perByte, (first + 1) * perByte), 2 * perByte * pair);
    out.set(byteValues.subarray(second * perByte, (second + 1) * perByte), 2 * perByte * pair + perByte);
  }
  return out;
}
