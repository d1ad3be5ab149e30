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

/** Puts tiny random networks under the published names into a folder. */
export async function tinyModel(folder: string): Promise<TinyModel> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "seedvr2_ema_3b_fp16.safetensors");
  const autoencoder = join(folder, "ema_vae_fp16.safetensors");
  const prompt = join(folder, "pos_emb.safetensors");
  await copyFile(golden("chain/chain_tiny_3b.dit.weights.safetensors"), path);
  await copyFile(golden("chain/chain_tiny.vae.weights.safetensors"), autoencoder);
  await writeFile(prompt, await promptFile());
  return { path, autoencoder, prompt };
}

async function promptFile(): Promise<Uint8Array> {
  const { tensors } = await openCheckpoint(golden("chain/chain_tiny_3b.clip_blend.safetensors"));
  const stored = tensors.get("prompt");
  if (!stored) throw new Error("The golden has a prompt.");
  const bytes = await readBytes(stored);
  const header = { embedding: { dtype: stored.type, shape: stored.shape, data_offsets: [0, bytes.length] } };
  return safetensorsBytes(header, bytes);
}
