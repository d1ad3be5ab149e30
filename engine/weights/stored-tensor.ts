import type { StoredType } from "./stored-type.ts";

/** A tensor in a file: where its bytes are and what they mean. Nothing is read until somebody asks for the values. */
export interface StoredTensor {
  readonly name: string;
  readonly type: StoredType;
  /** Slowest dimension first. */
  readonly shape: readonly number[];
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
}

/** One view of a checkpoint file, whatever its format. */
export interface Checkpoint {
  readonly path: string;
  readonly format: "safetensors" | "gguf";
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Text and numbers the file says about itself. */
  readonly metadata: ReadonlyMap<string, string | number | boolean>;
}

/** A piece of a file to be looked at: its first bytes, and how long the whole is. */
export interface FileHead {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Size of the whole file. */
  readonly size: number;
}
