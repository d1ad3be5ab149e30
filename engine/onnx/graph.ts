import assert from "node:assert";
import type { GraphNode, GraphOptions, Initializer, InitializerParts, NodeParts, RowRange } from "./graph-parts.ts";
import { processorLowering, type Lowering } from "./lowering.ts";
import { describe, elementTypes, sizeOf } from "./value.ts";
import type { ElementType, FloatType, Shape, Value } from "./value.ts";
import type { StoredRotation, StoredWeight, WeightDemands } from "./weight-demands.ts";
import { weightValue, type WeightSink } from "./weight-value.ts";

interface GraphParts {
  readonly options: GraphOptions;
  readonly inputs: Value[];
  readonly outputs: { readonly name: string; readonly value: Value }[];
  readonly initializers: Initializer[];
  /** Conversions of weights. They stand first in the model: the runtime then does each just before its use. */
  readonly conversions: GraphNode[];
  readonly body: GraphNode[];
  readonly names: Map<string, number>;
  readonly weights: Map<string, Value>;
  readonly shared: Map<string, Value>;
  /** Names of weights whose input is rotated. */
  readonly rotated: Set<string>;
  readonly decoded: Map<string, () => Promise<Float32Array>>;
}

/** What is wanted of a weight: the shape of the whole, some of its rows, in a type. */
interface Wanted {
  readonly shape: Shape;
  readonly rows?: RowRange | undefined;
  readonly type: FloatType;
}

const typedArrays = { F32: Float32Array, I64: BigInt64Array, I32: Int32Array } as const;

/**
 * A network under construction. Operators (functions of a graph and values) add nodes to it; `in` steps down to a
 * prefix of weights and of node names, on the same graph.
 */
export class Graph {
  readonly path: readonly string[];
  readonly #parts: GraphParts;

  constructor(options: GraphOptions, path: readonly string[] = [], parts?: GraphParts) {
    this.path = path;
    this.#parts = parts ?? {
      options,
      inputs: [],
      outputs: [],
      initializers: [],
      conversions: [],
      body: [],
      names: new Map(),
      weights: new Map(),
      shared: new Map(),
      rotated: new Set(),
      decoded: new Map(),
    };
  }

  /** The same graph, with names below `names`. */
  in(...names: readonly (string | number)[]): Graph {
    return new Graph(this.#parts.options, [...this.path, ...names.map(String)], this.#parts);
  }

  get name(): string {
    return this.#parts.options.name;
  }

  get lowering(): Lowering {
    return this.#parts.options.lowering ?? processorLowering;
  }

  /** What layers, convolutions and attention multiply in. */
  get productType(): FloatType {
    return this.lowering.arithmetic === "fp16" ? "F16" : "F32";
  }

  get inputs(): readonly Value[] {
    return this.#parts.inputs;
  }

  get outputs(): readonly { readonly name: string; readonly value: Value }[] {
    return this.#parts.outputs;
  }

  get initializers(): readonly Initializer[] {
    return this.#parts.initializers;
  }

  /** All nodes in the order in which they are written: conversions of weights first. */
  get nodes(): readonly GraphNode[] {
    return [...this.#parts.conversions, ...this.#parts.body];
  }

  input(name: string, shape: Shape, type: ElementType = "F32"): Value {
    const value = makeValue(name, type, shape);
    this.#parts.inputs.push(value);
    return value;
  }

  /** Outputs are fp32, whatever was computed in. */
  output(name: string, value: Value): void {
    const wide = value.type === "F16" ? this.#widened(value) : value;
    this.#parts.outputs.push({ name, value: wide });
  }

  /** Names an intermediate value; only graphs made for comparison output it. */
  trace(name: string, value: Value): void {
    if (this.#parts.options.traced) this.output(name, value);
  }

  /** A table that the network needs, of 64-bit integers, or fp32 where `type` says so. */
  constant(values: readonly number[], shape: Shape, type: "F32" | "I64" | "I32" = "I64"): Value {
    assert.equal(values.length, sizeOf(shape), `${this.#where}: a constant of shape [${shape.join(",")}]`);
    const array = type === "I64" ? BigInt64Array.from(values, BigInt) : typedArrays[type].from(values);
    return this.initializer("constant", { type, shape, data: new Uint8Array(array.buffer) });
  }

  initializer(name: string, parts: InitializerParts): Value {
    return this.#addInitializer([...this.path, name].join("."), parts);
  }

  /**
   * Weight `name` under this graph's path, in fp32; rows `from` … `to` of it where given (as a weight of its own, at
   * its own place in the file). What is stored in another type stays so on disk and is converted while the graph runs;
   * what the provider cannot read is decoded when the model is written.
   */
  weight(name: string, shape: Shape, rows?: RowRange): Value {
    return this.#known(name, { shape, rows, type: "F32" });
  }

  /** The same, in the type that products are computed in. */
  factor(name: string, shape: Shape, rows?: RowRange): Value {
    return this.#known(name, { shape, rows, type: this.productType });
  }

  /** How a weight is rotated, or nothing: its input must be rotated in the same way. */
  inputRotation(name: string, shape: Shape): StoredRotation | undefined {
    const full = [...this.path, name].join(".");
    const stored = this.#demand(full, shape);
    if (!stored?.rotated || this.#mustConvert(stored, this.productType)) return undefined;
    this.#parts.rotated.add(full);
    return stored.rotated;
  }

  /** A value that several parts of the graph share: made by the first that asks for it. */
  shared(key: string, make: () => Value): Value {
    const value = this.#parts.shared.get(key) ?? make();
    this.#parts.shared.set(key, value);
    return value;
  }

  /** Adds a node; every operator used here has one result. */
  node(parts: NodeParts): Value {
    return this.#emit(parts, this.#parts.body);
  }

  /** Asserts a rule of an operator; the message names the place, the rule and the operands. */
  check(holds: boolean, rule: string, ...operands: readonly Value[]): asserts holds {
    assert(holds, `${this.#where}: ${rule}; got ${operands.map(describe).join(" and ")}`);
  }

  get #where(): string {
    return [this.#parts.options.name, ...this.path].join(".");
  }

  get #weights(): WeightDemands {
    const { weights } = this.#parts.options;
    assert(weights, `${this.#where}: this graph was given no weights`);
    return weights;
  }

  /** What weights are put into the graph through. */
  get #sink(): WeightSink {
    return {
      initializer: (name, parts) => this.#addInitializer(name, parts),
      convert: (parts) => this.#emit(parts, this.#parts.conversions),
      constant: (values, shape, type) =>
        this.shared(`constant ${type} ${shape.join()} ${values.join()}`, () => this.constant(values, shape, type)),
      table: (name, shape, values) =>
        this.shared(`table ${name}`, () =>
          this.#addInitializer(name, { type: "F32", shape, data: async () => new Uint8Array(values().buffer) }),
        ),
      byteValues: this.#weights.file.byteValues,
      decoded: (weight) => this.#decodedOnce(weight),
    };
  }

  #demand(full: string, shape: Shape): StoredWeight | undefined {
    return this.#weights.demand(full, shape);
  }

  #known(name: string, wanted: Wanted): Value {
    const { rows, shape, type } = wanted;
    const full = [...this.path, name].join(".");
    const key = rows ? `${full}[${rows.from}:${rows.to}]` : full;
    const known = this.#parts.weights.get(`${key} ${type}`);
    if (known) return known;
    const stored = this.#demand(full, shape);
    const convert = stored !== undefined && this.#mustConvert(stored, type);
    const rotated = stored?.rotated !== undefined && !convert;
    assert(!rotated || this.#parts.rotated.has(full), `${full} wants a rotated input: inputRotation says which`);
    const value = weightValue(this.#sink, {
      key,
      stored,
      shape,
      rows: rows ?? { from: 0, to: shape[0] ?? 1 },
      type,
      convert,
    });
    this.#parts.weights.set(`${key} ${type}`, value);
    return value;
  }

  /** True for weights of which a provider of few types is given what they stand for instead of what is stored. */
  #mustConvert({ type, scale, runs }: StoredWeight, wanted: FloatType): boolean {
    const combined = scale !== undefined || runs !== undefined;
    if (wanted === "F16") return combined || type !== "F16";
    return this.lowering.weights === "converted" && (combined || (type !== "F16" && type !== "F32"));
  }

  /** Parts of one weight that the runtime cannot read share what was decoded. */
  #decodedOnce(weight: StoredWeight | undefined): () => Promise<Float32Array> {
    const key = weight ? `${weight.path}:${weight.offset}` : "missing";
    const { read } = this.#weights.file;
    let pending: Promise<Float32Array> | undefined;
    const first = async () => {
      assert(weight, `${this.#where}: a model is written only after its weights were checked`);
      return (pending ??= read(weight));
    };
    const known = this.#parts.decoded.get(key) ?? first;
    this.#parts.decoded.set(key, known);
    return known;
  }

  #widened(value: Value): Value {
    return this.node({
      operator: "Cast",
      inputs: [value],
      attributes: { to: elementTypes.F32.onnx },
      type: "F32",
      shape: value.shape,
    });
  }

  #emit({ operator, domain = "", inputs, attributes = {}, ...result }: NodeParts, list: GraphNode[]): Value {
    const type = result.type ?? inputs.find((input) => input !== undefined)?.type ?? "F32";
    const output = makeValue(this.#unique([...this.path, operator].join(".")), type, result.shape);
    list.push({ operator, domain, inputs, output, attributes });
    return output;
  }

  #addInitializer(full: string, { type, shape, data }: InitializerParts): Value {
    const value = makeValue(this.#unique(full), type, shape);
    this.#parts.initializers.push({ value, data });
    return value;
  }

  #unique(full: string): string {
    const count = this.#parts.names.get(full) ?? 0;
    this.#parts.names.set(full, count + 1);
    return count === 0 ? full : `${full}#${count}`;
  }
}

function makeValue(name: string, type: ElementType, shape: Shape): Value {
  return { name, type, shape } as Value;
}
