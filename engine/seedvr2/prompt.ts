import { access } from "node:fs/promises";
import { extname } from "node:path";
import { EngineError } from "../errors.ts";
import type { TensorValue } from "../onnx/session.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { readValues } from "../weights/decode.ts";
import { malformed } from "../weights/malformed.ts";
import { openPromptEmbedding } from "../weights/prompt-embedding.ts";
import type { StoredTensor } from "../weights/stored-tensor.ts";
import type { NetworkFile } from "./weight-file.ts";

/** Name of the embedding in checkpoints that carry it (seedvr2-comfy-checkpoints.md section 2). */
const IN_CHECKPOINT = "positive_conditioning";
/** Name of the embedding in a safetensors file of its own. */
const IN_OWN_FILE = "embedding";

/**
 * The prompt embedding [L, columns] in fp32: from the checkpoint itself, else from the first of the files that exists
 * (`.pt`, or safetensors with a tensor `embedding`). Throws `not_installed` where there is none.
 */
export async function loadPrompt(file: NetworkFile, columns: number, files: readonly string[]): Promise<TensorValue> {
  const own = file.checkpoint.tensors.get(IN_CHECKPOINT);
  if (own) return valuesOf(own, columns);
  for (const path of files) {
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return valuesOf(await embeddingIn(path, columns), columns);
  }
  throw new EngineError("not_installed", {
    what: "The prompt embedding of SeedVR2 (pos_emb.pt, 595,100 bytes) is not installed.",
    why: "The network was trained with this fixed text and cannot run without it.",
    todo: "Put pos_emb.pt of ByteDance-Seed/SeedVR2-3B (huggingface.co) beside the model.",
    facts: { tried: files },
  });
}

async function embeddingIn(path: string, columns: number): Promise<StoredTensor> {
  if (extname(path) === ".pt") return openPromptEmbedding(path, columns);
  const tensor = (await openCheckpoint(path)).tensors.get(IN_OWN_FILE);
  if (!tensor) throw malformed(path, { field: IN_OWN_FILE, found: "missing", allowed: `[L, ${columns}]` });
  return tensor;
}

async function valuesOf(tensor: StoredTensor, columns: number): Promise<TensorValue> {
  const { shape } = tensor;
  if (shape.length !== 2 || shape[1] !== columns || shape[0] === 0) {
    throw malformed(tensor.path, { field: `shape of ${tensor.name}`, found: shape, allowed: `[L, ${columns}]` });
  }
  return { shape, data: await readValues(tensor) };
}
