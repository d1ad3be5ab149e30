import { posix, win32 } from "node:path";

/** What settings depend on besides themselves; a value, so that every platform can be tried on any. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly temporary: string;
  readonly workingDirectory: string;
  readonly exists: (path: string) => boolean;
  /** A file's text, or null if there is none. */
  readonly readText: (path: string) => string | null;
}

/** The path functions of that platform. */
export function pathsOf(at: Surroundings): typeof posix {
  return at.platform === "win32" ? win32 : posix;
}

/** Where the durable state (tasks, engine.json, uploads, models) is kept. */
export function stateFolder(at: Surroundings): string {
  const { join } = pathsOf(at);
  if (at.platform === "win32") return join(localAppData(at), "seedvr2");
  if (at.platform === "darwin") return join(at.home, "Library", "Application Support", "seedvr2");
  return join(at.environment["XDG_STATE_HOME"] || join(at.home, ".local", "state"), "seedvr2");
}

/** The settings file; hosts start servers with a bare environment, so that settings must be able to stand in a file. */
export function configFile(at: Surroundings): string {
  const { join } = pathsOf(at);
  const fallback = at.platform === "win32" ? join(at.home, "AppData", "Roaming") : join(at.home, ".config");
  const named = at.platform === "win32" ? at.environment["APPDATA"] : at.environment["XDG_CONFIG_HOME"];
  return join(named || fallback, "seedvr2", "config.json");
}

/** What can be made again; bin/build.js, which runs before any of this is built, has the same rule. */
export function cacheFolder(at: Surroundings): string {
  const { join } = pathsOf(at);
  if (at.platform === "win32") return join(localAppData(at), "seedvr2", "cache");
  if (at.platform === "darwin") return join(at.home, "Library", "Caches", "seedvr2");
  return join(at.environment["XDG_CACHE_HOME"] || join(at.home, ".cache"), "seedvr2");
}

/** Where results go that name no place: never the working directory, which hosts set to anything. */
export function outputFolder(at: Surroundings): string {
  const { join } = pathsOf(at);
  const videos = join(at.home, at.platform === "darwin" ? "Movies" : "Videos");
  return at.exists(videos) ? join(videos, "SeedVR2") : join(at.home, "SeedVR2");
}

/** Where a ComfyUI may be: where somebody says it is, then where its installers put it. */
export function comfyFolders(named: string | null, at: Surroundings): string[] {
  const { join } = pathsOf(at);
  return [...new Set([named ?? [], join(at.home, "ComfyUI"), join(at.home, "Documents", "ComfyUI")].flat())];
}

/** Folders tools may read and write when none are configured: the user's, the results', temporary and mounted ones. */
export function allowedFolders(at: Surroundings, output: string): string[] {
  return [...new Set([at.home, output, at.temporary, ...mounts(at)])];
}

function mounts(at: Surroundings): string[] {
  if (at.platform === "darwin") return ["/Volumes"];
  if (at.platform !== "win32") return ["/media", "/run/media", "/mnt"];
  const system = win32.parse(at.home).root.toUpperCase();
  const drives = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (letter) => `${letter}:\\`);
  return drives.filter((drive) => drive !== system && at.exists(drive));
}

function localAppData(at: Surroundings): string {
  return at.environment["LOCALAPPDATA"] || win32.join(at.home, "AppData", "Local");
}
