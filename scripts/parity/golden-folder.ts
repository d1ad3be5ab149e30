import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { openCheckpoint } from "../../engine/weights/checkpoint.ts";

/** Goldens of one kind: weights beside the cases (golden/README.md, "The format that a parity runner understands"). */
export interface GoldenFolder {
  readonly path: string;
  readonly kind: "dit" | "storage" | "vae" | "chain" | "formats";
  readonly cases: readonly GoldenCase[];
  /** The folder's autoencoder, of a chain. */
  readonly autoencoder?: GoldenNetwork;
}

export interface GoldenNetwork {
  readonly weights: string;
  /** What no tensor says: group count, window request, eps. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface GoldenCase {
  /** `<net>.<case>`, the file's name without its ending. */
  readonly name: string;
  readonly path: string;
  readonly network: GoldenNetwork;
}

const WEIGHTS = /^(?<net>[^.]+)(?<part>\.dit|\.vae)?\.weights\.(safetensors|gguf)$/;

/** The golden folder at `path`, or nothing where no weights lie in it. */
export async function readGoldenFolder(path: string): Promise<GoldenFolder | undefined> {
  const files = (await readdir(path)).sort();
  const networks = new Map<string, GoldenNetwork>();
  let autoencoder: GoldenNetwork | undefined;
  let chain = false;
  for (const file of files) {
    const { net, part = "" } = WEIGHTS.exec(file)?.groups ?? {};
    if (net === undefined) continue;
    const network = { weights: join(path, file), config: await readConfig(join(path, `${net}${part}.config.json`)) };
    if (part === ".vae") autoencoder = network;
    else networks.set(net, network);
    if (part !== "") chain = true;
  }
  const first = [...networks.values()][0];
  if (!first) return formatsIn(path, files);
  const cases = files.flatMap((file) => {
    const network = networks.get(file.split(".", 1)[0] ?? "");
    const isCase = file.endsWith(".safetensors") && !WEIGHTS.test(file);
    return network && isCase ? [{ name: file.replace(/\.safetensors$/, ""), path: join(path, file), network }] : [];
  });
  const kind = chain ? "chain" : await kindOf(first.weights);
  return { path, kind, cases, ...(autoencoder && { autoencoder }) };
}

/** Files of single layers beside their values, `<layer>.weight` and `<layer>.value`; nothing where there are none. */
async function formatsIn(path: string, files: readonly string[]): Promise<GoldenFolder | undefined> {
  const cases: GoldenCase[] = [];
  for (const file of files.filter((name) => name.endsWith(".safetensors"))) {
    const weights = join(path, file);
    const names = [...((await openCheckpoint(weights).catch(() => undefined))?.tensors.keys() ?? [])];
    if (!names.some((name) => name.endsWith(".value") && names.includes(name.replace(/value$/, "weight")))) continue;
    cases.push({ name: file.replace(/\.safetensors$/, ""), path: weights, network: { weights, config: {} } });
  }
  return cases.length > 0 ? { path, kind: "formats", cases } : undefined;
}

/** The golden folder at `path`, or those directly below it. */
export async function findGoldenFolders(path: string): Promise<readonly { name?: string; folder: GoldenFolder }[]> {
  const folder = await readGoldenFolder(path);
  if (folder) return [{ folder }];
  const found: { name?: string; folder: GoldenFolder }[] = [];
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries.filter((item) => item.isDirectory() || item.isSymbolicLink())) {
    const below = await readGoldenFolder(join(path, entry.name)).catch(() => undefined);
    if (below) found.push({ name: entry.name, folder: below });
  }
  return found.sort((a, b) => (a.name ?? "").localeCompare(b.name ?? ""));
}

async function kindOf(weights: string): Promise<GoldenFolder["kind"]> {
  const { tensors } = await openCheckpoint(weights);
  if ([...tensors.keys()].some((name) => name.startsWith("encoder."))) return "vae";
  return [...tensors.values()].every(({ type }) => type === "F32") ? "dit" : "storage";
}

async function readConfig(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}
