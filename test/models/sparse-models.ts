import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { safetensorsBytes } from "../weights/checkpoint-bytes.ts";

/** Sizes of the published networks that memory depends on. */
const kinds = {
  "3B": { dim: 2560, heads: 20, hidden: 6912 },
  "7B": { dim: 3072, heads: 24, hidden: 12_288 },
} as const;

/**
 * A checkpoint of true widths and one block whose values are a hole in the file: enough to be recognised and planned
 * with, and it takes no room.
 */
export async function sparseModel(
  folder: string,
  name: string,
  { kind, dtype }: { kind: keyof typeof kinds; dtype: "F16" | "F32" },
): Promise<void> {
  const { dim, heads, hidden } = kinds[kind];
  const gated = kind === "3B";
  const shapes: Record<string, number[]> = {
    "vid_in.proj.weight": [dim, 132],
    "vid_out.proj.weight": [64, dim],
    "txt_in.weight": [dim, 5120],
    "emb_in.proj_in.weight": [dim, 256],
    "blocks.0.attn.norm_q.vid.weight": [128],
    "blocks.0.attn.proj_qkv.vid.weight": [3 * heads * 128, dim],
    "blocks.0.mlp.vid.proj_in.weight": [hidden, dim],
    "blocks.0.mlp.vid.proj_out.weight": [dim, hidden],
    ...(gated && { "blocks.0.mlp.vid.proj_in_gate.weight": [hidden, dim], "vid_out_norm.weight": [dim] }),
  };
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(shapes).map(([tensor, shape]) => {
      const begin = end;
      end += shape.reduce((a, b) => a * b, 1) * (dtype === "F16" ? 2 : 4);
      return [tensor, { dtype, shape, data_offsets: [begin, end] }];
    }),
  );
  await mkdir(folder, { recursive: true });
  const file = await open(join(folder, name), "w");
  try {
    const bytes = safetensorsBytes(header);
    await file.write(bytes);
    await file.truncate(bytes.length + end);
  } finally {
    await file.close();
  }
}
