import { stat } from "node:fs/promises";
import type { ModelEntry } from "../schemas/results.ts";
import type { StorageFormat } from "../weights/storage-format.ts";
import { contractModels, furtherModels } from "./catalogue.ts";
import type { FoundCheckpoint } from "./find-checkpoints.ts";

/** What the catalogue says of a model apart from what of it is here. */
export type ModelTexts = Pick<ModelEntry, "name" | "params" | "precision" | "size" | "vram" | "variant" | "desc">;

type Transformer = Extract<FoundCheckpoint["content"], { kind: "transformer" }>;

/** Which of the two networks a checkpoint holds: 3B alone norms its output. */
export function paramsOf({ sizes }: Transformer): "3B" | "7B" {
  return sizes.outputNorm ? "3B" : "7B";
}

/** Storage in the words of the published files. */
export function precisionOf(storage: StorageFormat): string {
  return precisions[storage];
}

const precisions: Readonly<Record<StorageFormat, string>> = {
  ...{ fp32: "FP32", fp16: "FP16", bf16: "BF16", "fp8 scaled": "FP8", "fp8 mixed": "FP8", fp8: "FP8" },
  ...{ "int8 rotated": "INT8", int8: "INT8", mxfp8: "MXFP8", nvfp4: "NVFP4" },
  ...{ Q8_0: "Q8", Q6_K: "Q6", Q5_K: "Q5", Q5_0: "Q5", Q4_K: "Q4", Q4_0: "Q4", other: "?" },
};

/**
 * What can be said of a file that nobody has published under that name: by its content, but for sharp, which no tensor
 * tells. Memory on a GPU is the published one of a file as large, of the same network and precision.
 */
export async function foundTexts(name: string, { path, content }: FoundCheckpoint): Promise<ModelTexts> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  const known = content.kind === "transformer" ? content : null;
  const params = known ? paramsOf(known) : "7B";
  const precision = known ? precisionOf(known.storage) : "?";
  const like = [...contractModels, ...furtherModels].find(
    (model) => model.params === params && model.precision === precision && isNear(size, model.size),
  );
  return {
    ...{ name, params, precision, size: `${(size / 1e9).toFixed(1)}GB`, vram: like?.vram ?? "?" },
    variant: params === "7B" && /sharp/i.test(name) ? "Sharp" : null,
    desc: { en: "Found in the model folders", "zh-CN": "在模型文件夹中找到" },
  };
}

/** Share of a published size by which a file of the same kind may differ. */
const NEAR = 0.1;

function isNear(bytes: number, published: string): boolean {
  const size = Number.parseFloat(published) * 1e9;
  return Math.abs(bytes - size) < NEAR * size;
}
