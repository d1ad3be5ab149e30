import { openCheckpoint } from "../../engine/weights/checkpoint.ts";
import { readBytes, readValues } from "../../engine/weights/decode.ts";
import type { Checkpoint } from "../../engine/weights/stored-tensor.ts";

/** A tensor of a golden: shape and fp32 values. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** A safetensors file with golden values, read tensor by tensor. */
export class GoldenFile {
  readonly #file: Checkpoint;

  private constructor(file: Checkpoint) {
    this.#file = file;
  }

  static async open(path: string): Promise<GoldenFile> {
    return new GoldenFile(await openCheckpoint(path));
  }

  get names(): string[] {
    return [...this.#file.tensors.keys()];
  }

  has(name: string): boolean {
    return this.#file.tensors.has(name);
  }

  /** JSON that the file's metadata holds under a key. */
  json(key: string): unknown {
    const text = this.#file.metadata.get(key);
    return typeof text === "string" ? JSON.parse(text) : undefined;
  }

  async tensor(name: string): Promise<GoldenTensor> {
    const tensor = this.#stored(name);
    return { shape: tensor.shape, data: await readValues(tensor) };
  }

  async bytes(name: string): Promise<Uint8Array> {
    return readBytes(this.#stored(name));
  }

  /** Whole numbers, exact in fp32 as sizes are. */
  async integers(name: string): Promise<number[]> {
    return [...(await this.tensor(name)).data];
  }

  #stored(name: string) {
    const tensor = this.#file.tensors.get(name);
    if (!tensor) throw new Error(`${this.#file.path} has no tensor ${name}.`);
    return tensor;
  }
}
