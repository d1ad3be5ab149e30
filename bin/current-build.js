import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * Where builds are and whether one is current. A build lies in a folder named by a stamp of the sources it was made
 * from, so that being there is being current, a program that is running keeps its own files, and a build appears by
 * one rename. dist/main.js, dist/worker.js … lead to the latest one; a package without sources has only that.
 */

export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const sourceFolders = ["bin", "engine", "http", "mcp", "src"];
const sourceFile = /\.(ts|js|json|html|css)$/;

/** What the build depends on, as 16 hex digits: path, size and time of each source, and the package lock. */
export function sourceStamp(root = projectRoot) {
  const hash = createHash("sha256");
  const add = (path) => {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path}\0${size}\0${mtimeMs}\n`);
  };
  add("package-lock.json");
  for (const folder of sourceFolders) walk(root, folder, add);
  return hash.digest("hex").slice(0, 16);
}

function walk(root, folder, visit) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) walk(root, path, visit);
    else if (sourceFile.test(entry.name)) visit(path);
  }
}

/** Folders a build may lie in, best first: the project's, else the user's cache (one folder a project). */
export function buildHomes(root = projectRoot) {
  const name = createHash("sha256").update(root).digest("hex").slice(0, 16);
  return [join(root, "dist"), join(cacheFolder(), "builds", name)];
}

/** The current build as { folder, mainUrl }, or undefined where one has to be made. */
export function currentBuild(root = projectRoot) {
  if (!existsSync(join(root, "src"))) return asBuild(join(root, "dist"));
  const stamp = sourceStamp(root);
  const folder = buildHomes(root).map((home) => join(home, stamp));
  return asBuild(folder.find((path) => existsSync(join(path, "build.json"))));
}

export function asBuild(folder) {
  return folder && { folder, mainUrl: pathToFileURL(join(folder, "main.js")).href };
}

/** As src/places.ts has it; here too because this runs before src is built. */
function cacheFolder() {
  const { env, platform } = process;
  if (env.SEEDVR2_CACHE_DIR) return env.SEEDVR2_CACHE_DIR;
  if (platform === "win32") return join(env.LOCALAPPDATA || join(homedir(), "AppData", "Local"), "seedvr2", "cache");
  if (platform === "darwin") return join(homedir(), "Library", "Caches", "seedvr2");
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "seedvr2");
}

/** The process id that a lock file names, if that process lives. */
export function liveOwner(lockFile) {
  let pid;
  try {
    pid = Number(readFileSync(lockFile, "utf8"));
    // Written a moment after it is made; an old empty one is of a process that died in between.
    if (!pid) return Date.now() - statSync(lockFile).mtimeMs < 5_000 ? -1 : undefined;
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error.code === "EPERM" ? pid : undefined;
  }
}
