import { access, constants, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, resolve, sep } from "node:path";
import { EngineError } from "./errors.ts";
import { closest } from "./schemas/closest.ts";

/**
 * The real path of a file the caller may read. Links are followed before the check, so that one that leads out of the
 * allowed folders is refused. Throws `invalid_parameter` (relative), `not_found` or `path_not_allowed`.
 */
export async function readablePath(given: string, allowed: readonly string[]): Promise<string> {
  refuseRelative("file_path", given);
  const real = await realpath(given).catch(async (error: NodeJS.ErrnoException) => {
    const folder = await nearestFolder(dirname(resolve(given)));
    await refuseOutside(folder.real, given, allowed);
    if (error.code === "ENOENT" || error.code === "ENOTDIR") throw await noSuchFile(given, folder.real);
    if (error.code === "EACCES") throw notReadable(given);
    throw new EngineError("not_found", { what: `${given} cannot be opened (${error.code}).`, cause: error });
  });
  await refuseOutside(real, given, allowed);
  await access(real, constants.R_OK).catch(() => {
    throw notReadable(given);
  });
  return real;
}

/**
 * A path the caller may write to, its folder resolved. The nearest folder that exists decides; missing ones are made
 * when the result is written. Throws `path_not_allowed` or `not_writable`.
 */
export async function writablePath(name: string, given: string, allowed: readonly string[]): Promise<string> {
  refuseRelative(name, given);
  const path = resolve(given);
  const folder = await nearestFolder(dirname(path));
  const real = resolve(folder.real, path.slice(folder.given.length).replace(/^[/\\]+/, ""));
  await refuseOutside(real, given, allowed);
  await access(folder.real, constants.W_OK).catch(() => {
    throw new EngineError("not_writable", {
      what: `The folder ${folder.real} is not writable.`,
      todo: "Choose another output folder (output_path, OUTPUT_FOLDER).",
    });
  });
  return real;
}

async function nearestFolder(wanted: string): Promise<{ given: string; real: string }> {
  for (let folder = wanted; ; folder = dirname(folder)) {
    const real = await realpath(folder).catch(() => null);
    if (real !== null) {
      if ((await stat(real)).isDirectory()) return { given: folder, real };
      throw new EngineError("not_writable", { what: `${folder} is a file, not a folder.` });
    }
    if (folder === dirname(folder)) throw new EngineError("not_writable", { what: `There is no folder ${wanted}.` });
  }
}

async function refuseOutside(real: string, given: string, allowed: readonly string[]): Promise<void> {
  for (const folder of allowed) {
    const realFolder = await realpath(folder).catch(() => resolve(folder));
    if (real === realFolder || real.startsWith(realFolder.endsWith(sep) ? realFolder : realFolder + sep)) return;
  }
  throw new EngineError("path_not_allowed", {
    what: `${given} is outside the allowed folders.`,
    why: `Allowed are: ${allowed.join(", ")}.`,
    todo: "Move the file, or add its folder to SEEDVR2_ALLOWED_FOLDERS.",
    facts: { path: given },
  });
}

function refuseRelative(name: string, given: string): void {
  if (given.includes("\0")) throw new EngineError("invalid_parameter", { what: `${name} contains a null character.` });
  if (isAbsolute(given)) return;
  throw new EngineError("invalid_parameter", {
    what: `${name} ${JSON.stringify(given)} is relative, and servers have no meaningful working directory.`,
    todo: `Give the absolute path, e.g. /home/me/${given.replace(/^[~./\\]+/, "")}.`,
    facts: { parameter: name, given },
  });
}

/** Names what lies there instead, as a mistyped name is the most frequent mistake. */
async function noSuchFile(given: string, folder: string): Promise<EngineError> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const wanted = basename(given).toLowerCase();
  const near = names.filter((name) => closest(wanted, [name]) !== undefined).slice(0, 3);
  return new EngineError("not_found", {
    what: `There is no file ${given}.`,
    ...(near.length && { why: `In ${folder} there is: ${near.join(", ")}.` }),
    todo: "Check the path.",
    facts: { path: given },
  });
}

function notReadable(given: string): EngineError {
  return new EngineError("path_not_allowed", {
    what: `${given} cannot be read: no permission.`,
    todo: "Check the permissions of the file and its folders.",
    facts: { path: given },
  });
}
