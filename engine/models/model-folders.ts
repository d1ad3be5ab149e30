import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { parse } from "yaml";

/** A folder that is searched for checkpoints, and who says so. */
export interface ModelFolder {
  readonly path: string;
  /** MODEL_DIR, a ComfyUI, or a file of its settings. */
  readonly from: string;
}

export interface ModelPlaces {
  /** Our own folders; downloads go to the first. */
  readonly modelDirs: readonly string[];
  /** Where a ComfyUI may be. */
  readonly comfyFolders: readonly string[];
  /** The built-in model's ONNX file. */
  readonly builtinModel: string;
}

/** Folders of a ComfyUI in which SeedVR2 files lie, and keys of its extra_model_paths.yaml; in any case. */
const COMFY_KINDS = ["seedvr2", "diffusion_models", "unet", "vae"];
const EXTRA_PATHS = "extra_model_paths.yaml";

/** Every folder to search, in order: our own, then those of each ComfyUI found, which are only ever read. */
export async function modelFolders({ modelDirs, comfyFolders }: ModelPlaces): Promise<ModelFolder[]> {
  const own = modelDirs.map((path) => ({ path, from: "MODEL_DIR" }));
  const comfy = await Promise.all(comfyFolders.map(foldersOfComfy));
  const seen = new Set<string>();
  return [...own, ...comfy.flat()].filter(({ path }) => !seen.has(path) && seen.add(path));
}

/** Folders where the prompt embedding may lie beside those: the reference keeps it in its own folder of a ComfyUI. */
export async function promptFolders({ comfyFolders }: ModelPlaces): Promise<string[]> {
  const nodes = await Promise.all(
    comfyFolders.map(async (root) => {
      const custom = join(root, "custom_nodes");
      return (await names(custom)).map((name) => join(custom, name));
    }),
  );
  return nodes.flat();
}

async function foldersOfComfy(root: string): Promise<ModelFolder[]> {
  const models = join(root, "models");
  const kinds = (await names(models)).filter((name) => COMFY_KINDS.includes(name.toLowerCase()));
  const ordered = kinds.sort((a, b) => rank(a) - rank(b));
  const inside = ordered.map((name) => ({ path: join(models, name), from: `ComfyUI in ${root}` }));
  const settings = join(root, EXTRA_PATHS);
  const text = await readFile(settings, "utf8").catch(() => "");
  return [...inside, ...extraPaths(text, settings).map((path) => ({ path, from: settings }))];
}

const rank = (name: string) => COMFY_KINDS.indexOf(name.toLowerCase());

/**
 * Folders that an extra_model_paths.yaml names: sections with a base_path and, for each kind, one path or several
 * lines of them. A file that is no YAML names none: it is not ours to judge.
 */
export function extraPaths(text: string, file: string): string[] {
  let sections: unknown;
  try {
    sections = parse(text);
  } catch {
    return [];
  }
  return Object.values(asRecord(sections)).flatMap((section) => {
    const entries = asRecord(section);
    const base = from(dirname(file), textOf(entries["base_path"]) ?? "");
    const kinds = Object.keys(entries).filter((key) => COMFY_KINDS.includes(key.toLowerCase()));
    return kinds.flatMap((kind) => linesOf(textOf(entries[kind]) ?? "").map((line) => from(base, line)));
  });
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

const textOf = (value: unknown) => (typeof value === "string" ? value : undefined);

function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter(Boolean);
}

function from(base: string, path: string): string {
  if (path === "~" || path.startsWith("~/")) return join(homedir(), path.slice(1));
  return isAbsolute(path) ? path : resolve(base, path);
}

/** Unreadable folders hold nothing. */
async function names(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [] as string[])).sort();
}
