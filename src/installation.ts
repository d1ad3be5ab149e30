import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Where this program's own files are. A build (bin/build.js) has a `build.json` beside its files that says where the
 * project is, because it may lie in the user's cache; from sources, as in tests, this file itself says it.
 */
const folder = dirname(fileURLToPath(import.meta.url));
const buildRecord = join(folder, "build.json");
const isBuilt = existsSync(buildRecord);

/** The project's folder: package.json, models/, bin/. */
export function projectRoot(): string {
  if (!isBuilt) return dirname(folder);
  const { root } = JSON.parse(readFileSync(buildRecord, "utf8")) as { root: string };
  return resolve(folder, root);
}

/** A built entry (worker, upscaler-thread) as a JavaScript file that node can run: of this build, or the latest one. */
export function builtFile(entry: string): string {
  return isBuilt ? join(folder, `${entry}.js`) : join(projectRoot(), "dist", `${entry}.js`);
}

/** What hosts and the engine's starter run with node. */
export function programEntry(): string {
  return join(projectRoot(), "bin", "seedvr2.js");
}

export function programVersion(): string {
  return (JSON.parse(readFileSync(join(projectRoot(), "package.json"), "utf8")) as { version: string }).version;
}
