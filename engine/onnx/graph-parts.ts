import type { Lowering } from "./lowering.ts";
import type { ElementType, Shape, Value } from "./value.ts";
import type { WeightDemands } from "./weight-demands.ts";

export type Attribute = number | string | readonly number[] | { readonly float: number };

/** A node of the graph as it is written: operator, operands, results. */
export interface GraphNode {
  readonly operator: string;
  /** "" is ONNX's own; others are contributed operators. */
  readonly domain: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly output: Value;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** Where the data of an initializer is: in a file, here, or to be computed when the model is written. */
export type InitializerData =
  | { readonly path: string; readonly offset: number; readonly length: number }
  | Uint8Array
  | (() => Promise<Uint8Array>);

export interface InitializerParts {
  readonly type: ElementType;
  readonly shape: Shape;
  readonly data: InitializerData;
}

export interface Initializer {
  readonly value: Value;
  readonly data: InitializerData;
}

export interface GraphOptions {
  readonly name: string;
  readonly weights?: WeightDemands;
  /** Makes values that were given a name with `trace` outputs of the graph. */
  readonly traced?: boolean;
  /** The processor's where nothing is said. */
  readonly lowering?: Lowering;
}

export interface NodeParts {
  readonly operator: string;
  readonly domain?: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly type?: ElementType;
  readonly shape: Shape;
}

/** Rows of a weight, `to` excluded. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}
