import { lookedUp, type LookupSink } from "./code-lookup.ts";
import type { InitializerData, NodeParts, RowRange } from "./graph-parts.ts";
import { halves } from "./half.ts";
import { elementTypes, isElementType, sizeOf } from "./value.ts";
import type { ElementType, FloatType, Shape, Value } from "./value.ts";
import type { StoredWeight, WeightFile } from "./weight-demands.ts";

/** What weights are put into a graph through. */
export interface WeightSink extends LookupSink {
  readonly byteValues: WeightFile["byteValues"];
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

/**
 * The values of rows of a weight: its bytes where they lie, and the nodes that convert them to fp32. What the provider
 * cannot read is decoded when the model is written.
 */
export function weightValue(sink: WeightSink, wanted: WantedWeight): Value {
  const { key, stored, shape, rows, type } = wanted;
  const part: Shape = shape.length === 0 ? shape : [rows.to - rows.from, ...shape.slice(1)];
  const codes = wanted.convert ? undefined : storedCodes(sink, wanted, part);
  if (!stored || !codes) {
    const values = sink.decoded(stored);
    const data = async () => bytesOf(rowsOf(await values(), wanted), type);
    return sink.initializer(key, { type, shape: part, data });
  }
  if (stored.runs) return cropped(sink, inRuns(sink, codes, wanted, stored.runs), part);
  if (stored.scale) return scaled(sink, codes, wanted, stored.scale);
  return codes.type === type ? codes : cast(sink, codes, "F32");
}

/** What is stored, of a type that nodes can convert; nothing where only we can read it. */
function storedCodes(sink: WeightSink, { key, stored, rows }: WantedWeight, part: Shape): Value | undefined {
  if (!stored) return undefined;
  const { type } = stored;
  const parts = { shape: [...part.slice(0, 1), ...stored.shape.slice(1)], data: dataOf(stored, rows) };
  const byteValues = sink.byteValues(type);
  if (byteValues) return lookedUp(sink, { key, type, ...parts, byteValues });
  return isElementType(type) ? sink.initializer(key, { type, ...parts }) : undefined;
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
  const steps = partOf(sink, `${key}.step`, runs.step, rows);
  const values = codes.type === "F32" ? eachRun(sink, "Mul", codes, steps) : stepped(sink, codes, steps, runs.length);
  return runs.base ? eachRun(sink, "Sub", values, partOf(sink, `${key}.base`, runs.base, rows)) : values;
}

type Runs = NonNullable<StoredWeight["runs"]>;

/** Integers times the step of their run. */
function stepped(sink: WeightSink, codes: Value, steps: Value, length: number): Value {
  const attributes = { axis: 1, block_size: length };
  return node(sink, { operator: "DequantizeLinear", inputs: [codes, steps], attributes, shape: codes.shape });
}

/** Combines the values of each run with its own number. */
function eachRun(sink: WeightSink, operator: "Mul" | "Sub", values: Value, numbers: Value): Value {
  const [rows = 0, columns = 0] = values.shape;
  const runs = numbers.shape[1] ?? 1;
  const inRunsOf = reshaped(sink, values, [rows, runs, columns / runs]);
  const inputs = [inRunsOf, reshaped(sink, numbers, [rows, runs, 1])];
  return reshaped(sink, node(sink, { operator, inputs, shape: inRunsOf.shape }), values.shape);
}

/** Codes times one scale, or one a row. */
function scaled(sink: WeightSink, codes: Value, { key, rows }: WantedWeight, scale: StoredWeight): Value {
  const single = sizeOf(scale.shape) === 1;
  const flat: StoredWeight = { ...scale, shape: [sizeOf(scale.shape)] };
  const factors = partOf(sink, `${key}.scale`, flat, single ? { from: 0, to: 1 } : rows);
  if (codes.type === "I8") {
    const inputs = [codes, factors];
    return node(sink, { operator: "DequantizeLinear", inputs, attributes: { axis: 0 }, shape: codes.shape });
  }
  const column = codes.shape.map((size, axis) => (axis === 0 && !single ? size : 1));
  const values = codes.type === "F32" ? codes : cast(sink, codes, "F32");
  const inputs = [values, reshaped(sink, factors, column)];
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
