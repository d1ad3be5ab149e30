/** A network that is ready to run. */
export interface Network {
  /** Execution provider it runs on. */
  readonly device: string;
  /** Computes outputs from inputs, both by name. One run at a time. */
  run(inputs: Tensors): Promise<Tensors>;
  /** Frees its memory. */
  close(): Promise<void>;
}

/** Values by name; what the graph of the network declares. */
export type Tensors = Readonly<Record<string, TensorValue>>;

export interface TensorValue {
  readonly type: "uint8" | "float32" | "float16" | "int32" | "int64" | "uint16";
  readonly dims: readonly number[];
  readonly data: Uint8Array | Uint16Array | Float32Array | Int32Array | BigInt64Array;
}

export interface NetworkSource {
  /** The ONNX file. */
  readonly path: string;
  readonly device: string;
  /** Threads within an operator; 0 is one per processor. */
  readonly threads: number;
  /** True for a network of a few milliseconds a run, which stays on the CPU unless a device is asked for. */
  readonly small: boolean;
}
