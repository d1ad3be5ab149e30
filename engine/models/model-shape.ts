import { stat } from "node:fs/promises";
import type { ModelEntry } from "../schemas/results.ts";
import type { BlockSizes, TransformerSizes } from "../weights/network.ts";
import type { StorageFormat } from "../weights/storage-format.ts";
import { lookInto } from "./look-into.ts";

/** A SeedVR2 model as far as memory and rank depend on it. */
export interface ModelShape extends Pick<TransformerSizes, "dim" | "mlp" | "blocks"> {
  readonly storage: StorageFormat;
  /** Whether the weights are fp32, so that nothing is converted. */
  readonly plain: boolean;
  /** Bytes of the files that are mapped while it runs: transformer, autoencoder, prompt embedding. */
  readonly bytes: number;
}

/** The published networks, for files that are not here (seedvr2-dit.md section 1). */
const published: Readonly<Record<"3B" | "7B", Pick<ModelShape, "dim" | "mlp" | "blocks">>> = {
  "3B": { dim: 2560, mlp: "swiglu", blocks: [block("own", 6912), block("shared", 6912)] },
  "7B": { dim: 3072, mlp: "gelu", blocks: [block("own", 12_288)] },
};

/** Bytes of the published autoencoder and prompt embedding. */
const BESIDE = 0.5e9;

/**
 * The shape of a SeedVR2 model: read off the header of its file, or where it is not installed as published. Null for the
 * built-in model, and for files that cannot be read.
 */
export async function modelShape(model: ModelEntry): Promise<ModelShape | null> {
  if (model.builtin) return null;
  if (model.path === null) {
    const sizes = published[model.params === "3B" ? "3B" : "7B"];
    return { ...sizes, storage: "other", plain: false, bytes: gigabytes(model.size) + BESIDE };
  }
  const content = await lookInto(model.path);
  if (content.kind !== "transformer") return null;
  const { dim, mlp, blocks } = content.sizes;
  const files = [model.path, model.autoencoder, model.prompt].filter((path) => typeof path === "string");
  const sizes = await Promise.all(files.map(async (path) => (await stat(path).catch(() => null))?.size ?? 0));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { dim, mlp, blocks, storage: content.storage, plain: content.storage === "fp32", bytes };
}

function block(weights: BlockSizes["weights"], hidden: number): BlockSizes {
  return { weights, hidden, videoOnly: false };
}

/** "3.2GB" as the catalogue writes it. */
function gigabytes(text: string): number {
  return Number.parseFloat(text) * 1e9;
}
