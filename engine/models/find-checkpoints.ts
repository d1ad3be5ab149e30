import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { asEngineError } from "../errors.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { networkIn } from "../weights/network.ts";
import { networkWeights } from "../weights/network-weights.ts";
import { publishedModels } from "./catalogue.ts";

/** Name of the published autoencoder; others serve too if their tensors are an autoencoder's. */
export const autoencoderName = "ema_vae_fp16.safetensors";
/** Names under which the prompt embedding is found, in this order. */
export const promptNames = ["pos_emb.pt", "pos_emb.safetensors"] as const;
/** Name of the prompt embedding within checkpoints that carry it. */
const PROMPT_TENSOR = "positive_conditioning";

const CHECKPOINT = /\.(safetensors|gguf)$/i;

export interface FoundCheckpoint {
  readonly path: string;
  readonly holdsPrompt: boolean;
  /** Why it cannot be read, null where it can. */
  readonly fault: string | null;
}

export interface FoundCheckpoints {
  /** SeedVR2 transformers by file name; the first folder that has a name wins. */
  readonly transformers: ReadonlyMap<string, FoundCheckpoint>;
  readonly autoencoder: string | null;
}

/**
 * What lies in the model folders, told by tensors, not by names. Headers only are read. A published name whose file cannot
 * be read is a transformer with a fault; other files that are none of ours are passed over.
 */
export async function findCheckpoints(folders: readonly string[]): Promise<FoundCheckpoints> {
  const transformers = new Map<string, FoundCheckpoint>();
  const autoencoders: string[] = [];
  for (const folder of folders) {
    for (const name of await checkpointNames(folder)) {
      const path = join(folder, name);
      const content = await look(path, name);
      if (content === "autoencoder") autoencoders.push(path);
      else if (content !== null && !transformers.has(name)) transformers.set(name, content);
    }
  }
  const published = autoencoders.find((path) => path.endsWith(autoencoderName));
  return { transformers, autoencoder: published ?? autoencoders[0] ?? null };
}

/** The first file of the prompt embedding in these folders. */
export async function findPrompt(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    for (const name of promptNames) {
      const path = join(folder, name);
      if (await isFile(path)) return path;
    }
  }
  return undefined;
}

async function look(path: string, name: string): Promise<FoundCheckpoint | "autoencoder" | null> {
  const published = publishedModels.some((model) => model.name === name);
  try {
    const checkpoint = await openCheckpoint(path);
    const network = networkIn(path, await networkWeights(checkpoint));
    if (network?.kind === "autoencoder") return "autoencoder";
    if (network) return { path, holdsPrompt: checkpoint.tensors.has(PROMPT_TENSOR), fault: null };
    return published ? { path, holdsPrompt: false, fault: "The file holds no SeedVR2 transformer." } : null;
  } catch (error) {
    return published ? { path, holdsPrompt: false, fault: asEngineError(error).message } : null;
  }
}

/** Unreadable folders hold nothing. */
async function checkpointNames(folder: string): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [] as string[])).filter((name) => CHECKPOINT.test(name)).sort();
  const files = await Promise.all(names.map((name) => isFile(join(folder, name))));
  return names.filter((_, i) => files[i]);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
