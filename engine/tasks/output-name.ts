import { basename, extname } from "node:path";
import { isSequence, type Submission } from "./task.ts";

const MAX_STEM_BYTES = 120;

/** A file name without extension, control and path characters, cut to 120 bytes at a character. */
function cleanStem(name: string): string {
  const plain = stemOf(name)
    .replace(/[\u0000-\u001f\u007f/\\:*?"<>|]/g, "_")
    .replace(/^\.+/, "")
    .trim();
  let stem = plain;
  while (Buffer.byteLength(stem) > MAX_STEM_BYTES) stem = [...stem].slice(0, -1).join("");
  return stem || "file";
}

/** What a name says of how its file was made. */
interface Made {
  readonly seconds: number;
  /** Side of the autoencoder's tiles in pixels, null where frames were not cut. */
  readonly tile: number | null;
}

/** Letters of `vae_quality`'s tiles, smallest first: side in pixels and letter; larger tiles count as the last. */
const letters = [
  [512, "L"],
  [768, "M"],
  [Infinity, "H"],
] as const;

/** The letter of the smallest quality whose tiles are no smaller than those used; where none were, of the one wished for. */
function tiles({ vae_tiling, vae_quality }: Submission["parameters"], tile: number | null): string {
  const letter = letters.find(([side]) => tile !== null && tile <= side)?.[1];
  const wished = vae_tiling === "on" ? vae_quality.charAt(0).toUpperCase() : undefined;
  return letter || wished ? `_vae${letter ?? wished}` : "";
}

/**
 * `{stem}_{model}_{shortest side}p_b{batch}_c{colour}_s{seed}[_vaeL|M|H when tiled]_{seconds}s.{extension}`, and
 * with `_2`, `_3` … before the extension where that name is taken (`attempt` from 1). A folder has no extension.
 */
export function outputName(submission: Submission, shortModel: string, made: Made, attempt = 1): string {
  const { parameters, target, output } = submission;
  const parts = [
    cleanStem(submission.inputName),
    shortModel,
    `${Math.min(target.width, target.height)}p`,
    `b${submission.kind === "image" ? 1 : parameters.batch_size}`,
    `c${parameters.color_correction}`,
    `s${parameters.seed}${tiles(parameters, made.tile)}`,
    `${Math.max(1, Math.round(made.seconds))}s`,
  ];
  const extension = isSequence(submission) ? "" : `.${output.format}`;
  return `${parts.join("_")}${attempt > 1 ? `_${attempt}` : ""}${extension}`;
}

function stemOf(name: string): string {
  const base = basename(name);
  return base.slice(0, base.length - extname(base).length) || base;
}
