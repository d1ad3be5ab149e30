import { open } from "node:fs/promises";
import { asEngineError } from "../errors.ts";
import { fileStamp } from "../file-stamp.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";
import { networkIn } from "../weights/network.ts";
import { networkWeights } from "../weights/network-weights.ts";
import type { TransformerSizes } from "../weights/network.ts";
import { storageFormat, type StorageFormat } from "../weights/storage-format.ts";

/** What a file is, by its tensors. */
export type FileContent =
  | { readonly kind: "autoencoder" }
  | {
      readonly kind: "transformer";
      readonly sizes: TransformerSizes;
      readonly storage: StorageFormat;
      readonly holdsPrompt: boolean;
    }
  | { readonly kind: "other" }
  /** It says it is a checkpoint and cannot be read. */
  | { readonly kind: "faulty"; readonly fault: string };

/** Name of the prompt embedding within checkpoints that carry it. */
export const promptTensor = "positive_conditioning";
/** One of these stands in the header of each network of ours; files without are not looked into further. */
const SIGNS = ["vid_in.proj", "up_blocks.0.resnets"];
/** Largest header that is looked through; larger ones belong to files with metadata of other trades. Bytes. */
const MAX_HEADER = 2 ** 23;
/** Where tensor names of a GGUF file of ours are. Bytes. */
const GGUF_START = 2 ** 19;

/** What was found of a file, as long as it is the same file. */
const known = new Map<string, { readonly stamp: string; readonly content: FileContent }>();

/**
 * What a file holds. Reads its header only, and of files that cannot be one of ours not all of that; remembers what it
 * found by path and stamp. A file that does not exist any more is `other`.
 */
export async function lookInto(path: string): Promise<FileContent> {
  const stamp = await fileStamp(path);
  if (stamp === null) return { kind: "other" };
  const before = known.get(path);
  if (before?.stamp === stamp) return before.content;
  const content = await contentOf(path).catch((error: unknown): FileContent => {
    return { kind: "faulty", fault: asEngineError(error).message };
  });
  known.set(path, { stamp, content });
  return content;
}

async function contentOf(path: string): Promise<FileContent> {
  if (!(await hasSigns(path))) return { kind: "other" };
  const checkpoint = await openCheckpoint(path);
  const weights = await networkWeights(checkpoint);
  const network = networkIn(path, weights);
  if (!network) return { kind: "other" };
  if (network.kind === "autoencoder") return { kind: "autoencoder" };
  const storage = storageFormat(checkpoint, weights);
  return { kind: "transformer", sizes: network, storage, holdsPrompt: checkpoint.tensors.has(promptTensor) };
}

/** Whether the header can be one of ours. One that cannot be read is for those to refuse who read headers. */
async function hasSigns(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(8);
    await file.read(head, 0, 8, 0);
    const isGguf = head.toString("latin1", 0, 4) === "GGUF";
    const length = isGguf ? GGUF_START : Number(head.readBigUInt64LE());
    if (length > MAX_HEADER || (!isGguf && length + 8 > size)) return true;
    const header = Buffer.alloc(Math.min(length, size));
    await file.read(header, 0, header.length, isGguf ? 0 : 8);
    return SIGNS.some((sign) => header.includes(sign));
  } finally {
    await file.close();
  }
}
