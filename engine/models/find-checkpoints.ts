import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { glob } from "tinyglobby";
import { lookInto, type FileContent } from "./look-into.ts";
import { autoencoderFile, promptNames, publishedFile } from "./published-files.ts";

/** Folders below a model folder that are searched too: people sort. */
const DEPTH = 3;
/** Files looked into at once. */
const AT_ONCE = 16;

export interface FoundCheckpoint {
  readonly path: string;
  /** A transformer, or a file of which nobody can tell because it cannot be read. */
  readonly content: Extract<FileContent, { kind: "transformer" | "faulty" }>;
}

/** A file that cannot be used, and why. */
export interface FaultyFile {
  readonly path: string;
  readonly fault: string;
}

export interface FoundCheckpoints {
  /** By file name; the first folder that has a good file of a name wins, else the first that has a faulty one. */
  readonly transformers: ReadonlyMap<string, FoundCheckpoint>;
  readonly autoencoder: string | null;
  readonly faulty: readonly FaultyFile[];
}

/** What lies in folders and those below them, told by tensors, not by names. Links are followed; nothing is written. */
export async function findCheckpoints(folders: readonly string[]): Promise<FoundCheckpoints> {
  const transformers = new Map<string, FoundCheckpoint>();
  const autoencoders: string[] = [];
  const paths = (await Promise.all(folders.map(checkpointPaths))).flat();
  const contents = await mapInParallel(paths, lookInto);
  const faulty: FaultyFile[] = [];
  for (const [index, found] of contents.entries()) {
    const path = paths[index] as string;
    const name = basename(path);
    const content = found.kind === "other" && publishedFile(name) ? notWhatItSays : found;
    if (content.kind === "autoencoder") autoencoders.push(path);
    if (content.kind === "faulty") faulty.push({ path, fault: content.fault });
    if (content.kind !== "transformer" && content.kind !== "faulty") continue;
    const before = transformers.get(name)?.content.kind;
    const wins = before === undefined || (before === "faulty" && content.kind === "transformer");
    if (wins) transformers.set(name, { path, content });
  }
  const published = autoencoders.find((path) => basename(path) === autoencoderFile.name);
  return { transformers, autoencoder: published ?? autoencoders[0] ?? null, faulty };
}

/** A published name on a file of another kind: it is in the way, which its owner should know. */
const notWhatItSays = { kind: "faulty", fault: "The file holds no SeedVR2 transformer." } as const;

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

/** Unreadable folders hold nothing. */
async function checkpointPaths(folder: string): Promise<string[]> {
  const options = { cwd: folder, absolute: true, deep: DEPTH, caseSensitiveMatch: false, expandDirectories: false };
  const found = await glob(["**/*.safetensors", "**/*.gguf"], options).catch(() => [] as string[]);
  return found.sort();
}

async function mapInParallel<A, B>(values: readonly A[], each: (value: A) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  let next = 0;
  const work = async () => {
    for (let index = next++; index < values.length; index = next++) results[index] = await each(values[index] as A);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
