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

/**
 * `{stem}_{model}_{shortest side}p_b{batch}_c{colour}_s{seed}[_vaeL|M|H when tiled]_{seconds}s.{extension}`, and
 * with `_2`, `_3` … before the extension where that name is taken (`attempt` from 1). A folder has no extension.
 */
export function outputName(submission: Submission, shortModel: string, seconds: number, attempt = 1): string {
  const { parameters, target, output } = submission;
  const tiled = parameters.vae_tiling === "on" ? `_vae${parameters.vae_quality.charAt(0).toUpperCase()}` : "";
  const parts = [
    cleanStem(submission.inputName),
    shortModel,
    `${Math.min(target.width, target.height)}p`,
    `b${submission.kind === "image" ? 1 : parameters.batch_size}`,
    `c${parameters.color_correction}`,
    `s${parameters.seed}${tiled}`,
    `${Math.max(1, Math.round(seconds))}s`,
  ];
  const extension = isSequence(submission) ? "" : `.${output.format}`;
  return `${parts.join("_")}${attempt > 1 ? `_${attempt}` : ""}${extension}`;
}

function stemOf(name: string): string {
  const base = basename(name);
  return base.slice(0, base.length - extname(base).length) || base;
}
