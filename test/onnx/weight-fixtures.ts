import { sizeOf } from "../../engine/onnx/value.ts";
import type { StoredWeight, WeightFile } from "../../engine/onnx/weight-demands.ts";

/** Weights of a type the runtime cannot map, so that their values come from here. */
export function weightsInMemory(values: Readonly<Record<string, { shape: number[]; values: number[] }>>): WeightFile {
  const weights = new Map<string, StoredWeight>();
  const data = new Map<StoredWeight, number[]>();
  for (const [name, { shape, values: list }] of Object.entries(values)) {
    const length = 4 * sizeOf(shape);
    const weight = { path: "memory", offset: 1000 * weights.size, length, type: "Q8_0", shape };
    weights.set(name, weight);
    data.set(weight, list);
  }
  return {
    path: "/models/memory.gguf",
    weights,
    byteValues: () => undefined,
    read: (weight) => Promise.resolve(Float32Array.from(data.get(weight) ?? [])),
  };
}

/** Numbers that look random and are the same in every run, −1 … 1. */
export function waves(count: number, step = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(1 + i * i * step + 0.37 * i));
}
