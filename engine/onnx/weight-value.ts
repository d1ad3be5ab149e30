import type { InitializerData, InitializerParts, NodeParts, RowRange } from "./graph-parts.ts";
import { halves } from "./half.ts";
import { elementTypes, isElementType, sizeOf } from "./value.ts";
import type { ElementType, FloatType, Shape, Value } from "./value.ts";
import type { StoredWeight } from "./weight-demands.ts";

/** What weights are put into a graph through. */
export interface WeightSink {
  readonly initializer: (name: string, parts: InitializerParts) => Value;
  /** Adds a node that converts a weight. */
  readonly convert: (parts: NodeParts) => Value;
  /** A table, made once for all that want the same. */
  readonly constant: (values: readonly number[], shape: Shape, type: "F32" | "I64") => Value;
  /** The fp32 values of a weight that the runtime cannot read; they are read once. */
  readonly decoded: (weight: StoredWeight | undefined) => () => Promise<Float32Array>;
}

/** Rows of a weight that a graph wants. */
export interface WantedWeight {
  /** Name of the initializer. */
  readonly key: string;
  /** Nothing where the file has none, which is reported before the graph is used. */
  readonly stored: StoredWeight | undefined;
  /** Of the whole weight, without what it was rounded up by. */
  readonly shape: Shape;
  readonly rows: RowRange;
  readonly type: FloatType;
  /** True where the provider is given the values that are stood for, not what is stored. */
  readonly convert: boolean;
}

/** Types of codes that are multiplied by their scales while they are converted. */
const scaledTypes: readonly string[] = ["I8", "F8_E4M3", "F8_E5M2"];

/**
 * The values of rows of a weight: its bytes where they lie, and the nodes that convert them to fp32. What the provider
 * cannot read is decoded when the model is written.
 */
export function weightValue(sink: WeightSink, wanted: WantedWeight): Value {
  const { key, stored, shape, rows, type } = wanted;
  const part: Shape = shape.length === 0 ? shape : [rows.to - rows.from, ...shape.slice(1)];
  const readable = stored !== undefined && (isElementType(stored.type) || stored.type === "FP4");
  if (!readable || wanted.convert) {
    const values = sink.decoded(stored);
    const data = async () => bytesOf(rowsOf(await values(), wanted), type);
    return sink.initializer(key, { type, shape: part, data });
  }
  if (!isElementType(stored.type)) return cropped(sink, fourBitFloats(sink, wanted, stored), part);
  const storedPart = part.length === 0 ? part : [part[0] ?? 1, ...stored.shape.slice(1)];
  const codes = sink.initializer(key, { type: stored.type, shape: storedPart, data: dataOf(stored, rows) });
  if (stored.runs) return cropped(sink, inRuns(sink, codes, wanted, stored.runs), part);
  if (stored.scale) return scaled(sink, codes, wanted, stored.scale);
  return stored.type === type ? codes : cast(sink, codes, "F32");
}

/** The wanted rows out of all values, without what sizes were rounded up by. */
function rowsOf(values: Float32Array, { stored, shape, rows }: WantedWeight): Float32Array {
  const perRow = sizeOf(shape.slice(1));
  const storedPerRow = sizeOf(stored?.shape.slice(1) ?? []);
  const all = values.subarray(rows.from * storedPerRow, rows.to * storedPerRow);
  return perRow === storedPerRow ? all : all.filter((_, i) => i % storedPerRow < perRow);
}

/** step · code − base, for each run of codes in a row. */
function inRuns(sink: WeightSink, codes: Value, { key, rows }: WantedWeight, runs: Runs): Value {
  const attributes = { axis: 1, block_size: runs.length };
  const steps = partOf(sink, `${key}.step`, runs.step, rows);
  const dequantised = { operator: "DequantizeLinear", inputs: [codes, steps], attributes, shape: codes.shape };
  const values = node(sink, dequantised);
  if (!runs.base) return values;
  return lowered(sink, values, partOf(sink, `${key}.base`, runs.base, rows));
}

type Runs = NonNullable<StoredWeight["runs"]>;

/** Values of a byte's two e2m1 codes, high nibble first. */
const fourBitTable = Array.from({ length: 256 }, (_, byte) => [byte >> 4, byte & 15].map(fourBitValue)).flat();

/** Value of an e2m1 code: sign, two bits of exponent, one of fraction. */
function fourBitValue(code: number): number {
  return (code & 8 ? -1 : 1) * ([0, 0.5, 1, 1.5, 2, 3, 4, 6][code & 7] ?? 0);
}

/** No operator reads four-bit floats: bytes are looked up in a table of both their values. */
function fourBitFloats(sink: WeightSink, { key, rows }: WantedWeight, stored: StoredWeight): Value {
  const [count, columns] = [rows.to - rows.from, stored.shape[1] ?? 0];
  const run = stored.runs?.length ?? columns;
  const data = dataOf(stored, rows);
  const bytes = sink.initializer(key, { type: "U8", shape: [count, columns / run, run / 2], data });
  const inputs = [sink.constant(fourBitTable, [256, 2], "F32"), cast(sink, bytes, "I32")];
  const pairs = node(sink, { operator: "Gather", inputs, attributes: { axis: 0 }, shape: [...bytes.shape, 2] });
  if (!stored.runs) return reshaped(sink, pairs, [count, columns]);
  const steps = reshaped(sink, partOf(sink, `${key}.step`, stored.runs.step, rows), [count, columns / run, 1, 1]);
  const values = node(sink, { operator: "Mul", inputs: [pairs, steps], shape: pairs.shape });
  return reshaped(sink, values, [count, columns]);
}

/** Takes its own number from the values of each run. */
function lowered(sink: WeightSink, values: Value, numbers: Value): Value {
  const [rows = 0, columns = 0] = values.shape;
  const runs = numbers.shape[1] ?? 1;
  const inRunsOf = reshaped(sink, values, [rows, runs, columns / runs]);
  const inputs = [inRunsOf, reshaped(sink, numbers, [rows, runs, 1])];
  return reshaped(sink, node(sink, { operator: "Sub", inputs, shape: inRunsOf.shape }), values.shape);
}

/** Codes times one scale, or one a row. */
function scaled(sink: WeightSink, codes: Value, { key, rows }: WantedWeight, scale: StoredWeight): Value {
  const single = sizeOf(scale.shape) === 1;
  const flat: StoredWeight = { ...scale, shape: [sizeOf(scale.shape)] };
  const factors = partOf(sink, `${key}.scale`, flat, single ? { from: 0, to: 1 } : rows);
  if (scaledTypes.includes(codes.type)) {
    const inputs = [codes, factors];
    return node(sink, { operator: "DequantizeLinear", inputs, attributes: { axis: 0 }, shape: codes.shape });
  }
  const column = codes.shape.map((size, axis) => (axis === 0 && !single ? size : 1));
  const inputs = [cast(sink, codes, "F32"), reshaped(sink, factors, column)];
  return node(sink, { operator: "Mul", inputs, shape: codes.shape });
}

/** Rows of a tensor that belongs to a weight, in fp32. */
function partOf(sink: WeightSink, key: string, stored: StoredWeight, rows: RowRange): Value {
  return weightValue(sink, { key, stored, shape: stored.shape, rows, type: "F32", convert: false });
}

/** The values without the columns that sizes were rounded up by. */
function cropped(sink: WeightSink, values: Value, shape: Shape): Value {
  const columns = shape[1] ?? 0;
  if (columns === values.shape[1]) return values;
  const one = (value: number) => sink.constant([value], [1], "I64");
  return node(sink, { operator: "Slice", inputs: [values, one(0), one(columns), one(1)], shape });
}

function cast(sink: WeightSink, value: Value, type: ElementType): Value {
  const attributes = { to: elementTypes[type].onnx };
  return sink.convert({ operator: "Cast", inputs: [value], attributes, type, shape: value.shape });
}

function reshaped(sink: WeightSink, value: Value, shape: Shape): Value {
  return node(sink, { operator: "Reshape", inputs: [value, sink.constant(shape, [shape.length], "I64")], shape });
}

function node(sink: WeightSink, parts: Omit<NodeParts, "type">): Value {
  return sink.convert({ ...parts, type: "F32" });
}

/** Where rows of a weight lie in its file, or what makes them. */
function dataOf({ madeRows, path, offset, length, shape }: StoredWeight, { from, to }: RowRange): InitializerData {
  if (madeRows) return () => madeRows(from, to);
  const rowBytes = length / (shape[0] ?? 1);
  return { path, offset: offset + from * rowBytes, length: (to - from) * rowBytes };
}

/** The bytes of values in a type. */
function bytesOf(values: Float32Array, type: FloatType): Uint8Array {
  const { buffer, byteOffset, byteLength } = type === "F16" ? halves(values) : values;
  return new Uint8Array(buffer, byteOffset, byteLength);
}
