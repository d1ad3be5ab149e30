import type { Checkpoint } from "./stored-tensor.ts";
import type { Weight } from "./weight.ts";

/** How the matrices of a transformer's blocks are stored, in words people use. */
export type StorageFormat =
  | "fp32"
  | "fp16"
  | "bf16"
  | "fp8 scaled"
  | "fp8 mixed"
  | "fp8"
  | "int8 rotated"
  | "int8"
  | "mxfp8"
  | "nvfp4"
  | "Q8_0"
  | "Q6_K"
  | "Q5_K"
  | "Q5_0"
  | "Q4_K"
  | "Q4_0"
  | "other";

const plainTypes: Readonly<Record<string, StorageFormat>> = {
  ...{ F32: "fp32", F16: "fp16", BF16: "bf16", F8_E4M3: "fp8", F8_E5M2: "fp8", I8: "int8", FP4: "nvfp4" },
  ...{ Q8_0: "Q8_0", Q6_K: "Q6_K", Q5_K: "Q5_K", Q5_0: "Q5_0", Q4_K: "Q4_K", Q4_0: "Q4_0" },
};

/**
 * The format that most bytes of the blocks' matrices have. fp8 without scales beside matrices of whole precision is
 * `fp8 mixed`: the files whose last block stays in fp16. Told by tensors, never by names of files.
 */
export function storageFormat(checkpoint: Checkpoint, weights: ReadonlyMap<string, Weight>): StorageFormat {
  const bytes = new Map<StorageFormat, number>();
  for (const [name, weight] of weights) {
    if (!name.startsWith("blocks.") || weight.shape.length !== 2) continue;
    // Blocks of a GGUF file are known by its own types only.
    const type = checkpoint.tensors.get(name)?.type ?? weight.type;
    const format = checkpoint.format === "gguf" ? plainTypes[type] : formatOf(weight);
    bytes.set(format ?? "other", (bytes.get(format ?? "other") ?? 0) + weight.length);
  }
  const [most] = [...bytes].sort(([, a], [, b]) => b - a);
  const format = most?.[0] ?? "other";
  return format === "fp8" && (bytes.has("fp16") || bytes.has("bf16")) ? "fp8 mixed" : format;
}

/** Scales and rotation beside codes of the same type decide how much is lost. */
function formatOf({ type, runs, scale, rotated }: Weight): StorageFormat | undefined {
  if (type === "F8_E4M3" && runs) return "mxfp8";
  const format = plainTypes[type];
  if (format === "fp8" && scale) return "fp8 scaled";
  return format === "int8" && rotated ? "int8 rotated" : format;
}
