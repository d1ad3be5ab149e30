import { basename } from "node:path";
import { EngineError } from "../errors.ts";
import { sameShape, type Shape } from "./value.ts";

/**
 * A weight where it lies on disk. `scale` multiplies its values: one for all, or one a row. Types are those of values,
 * and FP4: four-bit floats (e2m1), two a byte, the first in the high nibble.
 */
export interface StoredWeight {
  /** Sizes are stored rounded up to multiples of this; what is surplus stands for zeros. */
  readonly padded?: number;
  /** The values are those of the weight times a rotation of that many columns at a time: its input must be rotated too. */
  readonly rotated?: StoredRotation;
  /**
   * Present where the file does not hold the bytes as the runtime wants them: makes those of rows `from` to `to`
   * whenever a model is written.
   */
  readonly madeRows?: MadeRows;
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
  readonly type: string;
  readonly shape: Shape;
  readonly scale?: StoredWeight;
  /** Present where values are codes in runs along the last axis: value = step · code − base. */
  readonly runs?: StoredRuns;
}

export interface StoredRotation {
  /** Columns that are multiplied by the matrix together. */
  readonly group: number;
  /** [group, group]; its own inverse. */
  readonly matrix: () => Float32Array;
}

export type MadeRows = (from: number, to: number) => Promise<Uint8Array>;

/** Steps and bases, [rows, columns / length], fp32. */
export interface StoredRuns {
  readonly length: number;
  readonly step: StoredWeight;
  readonly base?: StoredWeight;
}

/** Where the weights of a network come from: what there is, and a way to get fp32 values. */
export interface WeightFile {
  readonly path: string;
  readonly weights: ReadonlyMap<string, StoredWeight>;
  /**
   * For types of one or two codes a byte that are looked up: the values of every byte, in order. Nothing for others.
   */
  readonly byteValues: (type: string) => Float32Array | undefined;
  /** The values of a weight in fp32, scale applied. */
  readonly read: (weight: StoredWeight) => Promise<Float32Array<ArrayBuffer>>;
}

/** How many names of a kind an error lists. */
const LISTED = 12;

/**
 * Keeps account of which weights a network asks for, with what shape, over all of its graphs. What is missing,
 * misshapen or never asked for is reported together, before any session is made.
 */
export class WeightDemands {
  readonly file: WeightFile;
  readonly #demanded = new Set<string>();
  readonly #missing = new Set<string>();
  readonly #misshapen = new Map<string, string>();

  constructor(file: WeightFile) {
    this.file = file;
  }

  /** The weight of that name and shape, or nothing where the file has none; `check` reports it. */
  demand(name: string, shape: Shape): StoredWeight | undefined {
    const weight = this.file.weights.get(name);
    this.#demanded.add(name);
    if (!weight) {
      this.#missing.add(`${name} [${shape.join(",")}]`);
    } else if (!sameShape(weight.shape, roundedUp(shape, weight.padded))) {
      this.#misshapen.set(
        name,
        `${name} has shape [${weight.shape.join(",")}], the network needs [${shape.join(",")}]`,
      );
      return undefined;
    }
    return weight;
  }

  /** Says that a weight is known and read in another way, or not needed. */
  accept(name: string): void {
    this.#demanded.add(name);
  }

  /** Throws `checkpoint_malformed` naming all weights that are missing, misshapen or superfluous. */
  check(): void {
    const missing = [...this.#missing];
    const misshapen = [...this.#misshapen.values()];
    const superfluous = [...this.file.weights.keys()].filter((name) => !this.#demanded.has(name));
    const faults = [
      ...listed("Missing", missing),
      ...listed("Misshapen", misshapen),
      ...listed("Not part of this network", superfluous),
    ];
    if (faults.length === 0) return;
    throw new EngineError("checkpoint_malformed", {
      what: `The tensors of ${basename(this.file.path)} are not those of its network. ${faults.join(" ")}`,
      why: "The file is incomplete, or made for another version of the network.",
      todo: "Download it again, or choose another model.",
      facts: { file: this.file.path, missing, misshapen, superfluous },
    });
  }
}

function roundedUp(shape: Shape, multiple = 1): Shape {
  return shape.map((size) => Math.ceil(size / multiple) * multiple);
}

function listed(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const more = items.length > LISTED ? ` and ${items.length - LISTED} more` : "";
  return [`${title}: ${items.slice(0, LISTED).join("; ")}${more}.`];
}
