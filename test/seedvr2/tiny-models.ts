import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCheckpoint } from "../../engine/weights/checkpoint.ts";
import { readBytes } from "../../engine/weights/decode.ts";
import { golden } from "../fixtures/golden-path.ts";
import { safetensorsBytes } from "../weights/checkpoint-bytes.ts";

/** Files of a SeedVR2 model, as they lie in a model folder. */
export interface TinyModel {
  readonly path: string;
  readonly autoencoder: string;
  readonly prompt: string;
}

/** A golden transformer, and the golden tensor with its prompt. */
export interface TinyTransformer {
  readonly weights: string;
  readonly prompt: readonly [file: string, name: string];
  /** Name in the model folder. */
  readonly name: string;
}

const plain: TinyTransformer = {
  weights: "chain/chain_tiny_3b.dit.weights.safetensors",
  prompt: ["chain/chain_tiny_3b.clip_blend.safetensors", "prompt"],
  name: "seedvr2_ema_3b_fp16.safetensors",
};

/** Puts tiny random networks under the published names into a folder. */
export async function tinyModel(folder: string, transformer: TinyTransformer = plain): Promise<TinyModel> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, transformer.name);
  const autoencoder = join(folder, "ema_vae_fp16.safetensors");
  const prompt = join(folder, "pos_emb.safetensors");
  await copyFile(golden(transformer.weights), path);
  await copyFile(golden("chain/chain_tiny.vae.weights.safetensors"), autoencoder);
  await writeFile(prompt, await promptFile(transformer));
  return { path, autoencoder, prompt };
}

async function promptFile({ prompt: [file, name] }: TinyTransformer): Promise<Uint8Array> {
  const stored = (await openCheckpoint(golden(file))).tensors.get(name);
  if (!stored) throw new Error(`The golden ${file} has no ${name}.`);
  const bytes = await readBytes(stored);
  const header = { embedding: { dtype: stored.type, shape: stored.shape, data_offsets: [0, bytes.length] } };
  return safetensorsBytes(header, bytes);
}
