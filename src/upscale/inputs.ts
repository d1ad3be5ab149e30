import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { escapePath, glob, isDynamicPattern } from "tinyglobby";
import { EngineError } from "../../engine/index.ts";
import type { Caller } from "../../engine/index.ts";

/** One file to enlarge and where its result goes. */
export interface Job {
  readonly file: string;
  /** The result's own path, if somebody named it. */
  readonly outputPath: string | null;
  readonly outputFolder: string;
}

/** What arguments mean. */
export interface FoundJobs {
  readonly jobs: readonly Job[];
  /** Files in the folders given that are no pictures or clips by their names. */
  readonly skipped: readonly string[];
}

/** In folders only files are taken that are pictures or clips by their names; named files are always tried. */
const mediaExtensions = new Set(
  (
    "png jpg jpeg jpe webp avif tif tiff gif " +
    "mp4 m4v mov mkv webm avi mpg mpeg ts mts m2ts wmv flv 3gp ogv vob mxf nut y4m"
  ).split(" "),
);

/**
 * The jobs that arguments mean: files as they are, folders with all pictures and clips in and below them, globs.
 * `output` is a file, or a folder if it exists as one or ends in a separator; what lies below a folder given keeps
 * its place below the output folder. Throws `invalid_parameter` where nothing is found or one name is to serve many.
 */
export async function findJobs(inputs: readonly string[], output: string | null, fallback: string): Promise<FoundJobs> {
  const asFolder = output === null || isFolder(output) || /[\\/]$/.test(output);
  const outputFolder = output === null ? fallback : resolve(asFolder ? output : dirname(output));
  const found: Job[] = [];
  const skipped = new Set<string>();
  for (const input of inputs) {
    const { files, others } = await filesOf(input);
    for (const other of others) skipped.add(other);
    for (const { file, below } of files) {
      // Results of an earlier run that lie in the folder given are no inputs.
      if (isFolder(input) && isInside(outputFolder, resolve(input)) && isInside(file, outputFolder)) continue;
      found.push({ file, outputPath: asFolder ? null : resolve(output), outputFolder: join(outputFolder, below) });
    }
  }
  if (!asFolder && found.length > 1) {
    throw new EngineError("invalid_parameter", {
      what: `-o names one file, ${JSON.stringify(output)}, but there are ${found.length} inputs.`,
      todo: `Name a folder with a separator at its end: -o ${JSON.stringify(`${output}${sep}`)}.`,
    });
  }
  return { jobs: [...new Map(found.map((job) => [job.file, job])).values()], skipped: [...skipped] };
}

interface FoundFiles {
  readonly files: readonly { readonly file: string; readonly below: string }[];
  readonly others: readonly string[];
}

async function filesOf(input: string): Promise<FoundFiles> {
  if (isFolder(input)) return filesBelow(resolve(input));
  if (existsSync(input) || !isDynamicPattern(input))
    return { files: [{ file: resolve(input), below: "" }], others: [] };
  // Windows writes patterns with backslashes too, which tinyglobby takes as escapes.
  const files = await glob(sep === "\\" ? input.replaceAll("\\", "/") : input, {
    absolute: true,
    expandDirectories: false,
  });
  if (files.length === 0) throw nothingFound(`No file matches ${JSON.stringify(input)}.`);
  return { files: files.sort().map((file) => ({ file: resolve(file), below: "" })), others: [] };
}

async function filesBelow(folder: string): Promise<FoundFiles> {
  const pattern = `${escapePath(folder.replaceAll("\\", "/"))}/**`;
  const all = await glob(pattern, { absolute: true, expandDirectories: false, dot: true });
  const media = all.filter((file) => isMedia(relative(folder, file))).sort();
  if (media.length === 0) throw nothingFound(`The folder ${folder} has no pictures or clips in it.`);
  return {
    files: media.map((file) => ({ file: resolve(file), below: relative(folder, dirname(resolve(file))) })),
    others: all.filter((file) => !isMedia(relative(folder, file))),
  };
}

/** By the name; what is hidden, or lies in a hidden folder, is nobody's picture. */
function isMedia(path: string): boolean {
  const hidden = path.split(/[\\/]/).some((part) => part.startsWith("."));
  return !hidden && mediaExtensions.has(extname(path).slice(1).toLowerCase());
}

/** "Skipped 4 files in folders that are no pictures or clips by their names: 2 .txt, 1 .db, 1 hidden." or nothing. */
export function skippedText(skipped: readonly string[]): string | null {
  if (skipped.length === 0) return null;
  const counts = new Map<string, number>();
  for (const file of skipped) {
    const kind = basename(file).startsWith(".") ? "hidden" : extname(file).toLowerCase() || "without extension";
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const kinds = [...counts]
    .sort(([a, ofA], [b, ofB]) => ofB - ofA || a.localeCompare(b))
    .map(([kind, count]) => `${count} ${kind}`);
  const shown = kinds.length > MOST_KINDS ? [...kinds.slice(0, MOST_KINDS), "…"] : kinds;
  const files = skipped.length === 1 ? "1 file" : `${skipped.length} files`;
  return `Skipped ${files} in folders, no pictures or clips by their names: ${shown.join(", ")}.`;
}

/** Kinds of skipped files that are told. */
const MOST_KINDS = 5;

function nothingFound(what: string): EngineError {
  return new EngineError("invalid_parameter", { what, todo: "Name files, folders or patterns such as 'clips/*.mp4'." });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isInside(file: string, folder: string): boolean {
  return file.startsWith(folder + sep);
}

/** The caller for one job: its folders count as allowed, because somebody named them. */
export function callerFor(caller: Caller, job: Job): Caller {
  const named = [dirname(job.file), dirname(realPath(job.file)), job.outputFolder];
  const outputFolder = job.outputFolder;
  return { ...caller, outputFolder, allowedFolders: [...new Set([...caller.allowedFolders, ...named])] };
}

/** Where a link leads; what does not exist stays as named, for the engine to refuse. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

/** What a job is called in progress and messages. */
export function jobName(job: Job): string {
  return basename(job.file);
}
