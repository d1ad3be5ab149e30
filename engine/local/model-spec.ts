import assert from "node:assert";
import type { ModelSpec } from "../pipeline/job.ts";
import type { ModelEntry } from "../schemas/results.ts";

/** A model that can run, with its files; GGUF blocks are repacked to `cacheDir`. */
export function modelSpecOf({ name, path, autoencoder, prompt }: ModelEntry, cacheDir: string): ModelSpec {
  assert(path, "a model that can run has a file");
  if (autoencoder === undefined) return { name, kind: "builtin", path };
  return { name, kind: "seedvr2", path, autoencoder, prompt: prompt ?? null, cacheDir };
}
