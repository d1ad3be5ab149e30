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
export async function findJobs(inputs: readonly string[], output: string | null, fallback: string): Promise<Job[]> {
  const asFolder = output === null || isFolder(output) || /[\\/]$/.test(output);
  const outputFolder = output === null ? fallback : resolve(asFolder ? output : dirname(output));
  const found: Job[] = [];
  for (const input of inputs) {
    for (const { file, below } of await filesOf(input)) {
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
  return [...new Map(found.map((job) => [job.file, job])).values()];
}

async function filesOf(input: string): Promise<{ file: string; below: string }[]> {
  if (isFolder(input)) return filesBelow(resolve(input));
  if (existsSync(input) || !isDynamicPattern(input)) return [{ file: resolve(input), below: "" }];
  // Windows writes patterns with backslashes too, which tinyglobby takes as escapes.
  const files = await glob(sep === "\\" ? input.replaceAll("\\", "/") : input, {
    absolute: true,
    expandDirectories: false,
  });
  if (files.length === 0) throw nothingFound(`No file matches ${JSON.stringify(input)}.`);
  return files.sort().map((file) => ({ file: resolve(file), below: "" }));
}

async function filesBelow(folder: string): Promise<{ file: string; below: string }[]> {
  const pattern = `${escapePath(folder.replaceAll("\\", "/"))}/**`;
  const files = await glob(pattern, { absolute: true, expandDirectories: false });
  const media = files.filter((file) => mediaExtensions.has(extname(file).slice(1).toLowerCase())).sort();
  if (media.length === 0) throw nothingFound(`The folder ${folder} has no pictures or clips in it.`);
  return media.map((file) => ({ file: resolve(file), below: relative(folder, dirname(resolve(file))) }));
}

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
