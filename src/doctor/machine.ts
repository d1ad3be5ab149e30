import { accessSync, constants, existsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { asEngineError, modelFolders } from "../../engine/index.ts";
import type { EngineFile } from "../../engine/index.ts";
import { engineConfig } from "../config.ts";
import type { Settings } from "../config.ts";
import type { Finding } from "./finding.ts";

/** Node's version and whether the native packages exist for this system. */
export function systemFinding(): Finding {
  const system = `Node ${process.versions.node} on ${process.platform} ${process.arch}`;
  const missing = missingBinaries();
  if (!missing) return { about: "system", state: "ok", text: system };
  return {
    about: "system",
    state: "problem",
    text: `${system}: ${missing} is not supported, a native package has no binary for it.`,
    todo: "Use Linux with glibc (x64, arm64), Windows x64 or a Mac with Apple silicon.",
  };
}

function missingBinaries(): string | undefined {
  if (process.platform === "darwin" && process.arch === "x64") return "a Mac with an Intel processor";
  if (process.platform === "win32" && process.arch === "arm64") return "Windows on ARM";
  return process.platform === "linux" && !hasGlibc() ? "Linux without glibc (Alpine)" : undefined;
}

function hasGlibc(): boolean {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return Boolean(header?.glibcVersionRuntime);
}

/** Loads the packages with native parts that this process may load; npm leaves them out without failing. */
export async function packageFindings(): Promise<Finding[]> {
  const loads = { sharp: () => import("sharp"), libsql: () => import("libsql") };
  return Promise.all(
    Object.entries(loads).map(async ([name, load]): Promise<Finding> => {
      try {
        await load();
        return { about: `package ${name}`, state: "ok", text: "loads" };
      } catch (error) {
        const text = `does not load: ${asEngineError(error).message}`;
        return { about: `package ${name}`, state: "problem", text, todo: 'Run "npm ci" without --omit=optional.' };
      }
    }),
  );
}

export async function ffmpegFinding(settings: Settings): Promise<Finding> {
  try {
    const { findFfmpeg } = await import("../../engine/media/ffmpeg.ts");
    const { path, version, reason } = await findFfmpeg(settings.values.FFMPEG_PATH);
    return { about: "ffmpeg", state: "ok", text: `${path} (${version}). ${reason}` };
  } catch (thrown) {
    const { what, todo } = asEngineError(thrown);
    return { about: "ffmpeg", state: "problem", text: what, ...(todo && { todo }) };
  }
}

/** Whether each folder can be written to, or made. */
export function folderFindings(settings: Settings): Finding[] {
  const v = settings.values;
  const folders: [string, string][] = [
    ["state folder", v.SEEDVR2_STATE_DIR],
    ["output folder", v.OUTPUT_FOLDER],
    ["upload folder", v.UPLOAD_FOLDER],
    ["cache folder", v.SEEDVR2_CACHE_DIR],
    ...v.MODEL_DIR.map((folder): [string, string] => ["model folder", folder]),
  ];
  return folders.map(([about, folder]) => folderFinding(about, folder));
}

/** Where else models are looked for: in every place a ComfyUI may be. */
export async function comfyFindings(settings: Settings): Promise<Finding[]> {
  const { modelDirs, comfyFolders, builtinModel } = engineConfig(settings);
  const searched = await modelFolders({ modelDirs, comfyFolders, builtinModel });
  const absent = comfyFolders.filter((folder) => !existsSync(folder));
  const found = searched.filter(({ path }) => !modelDirs.includes(path));
  return [
    ...found.map(({ path, from }): Finding => {
      const text = `${path} (${from}${existsSync(path) ? "" : ", does not exist"})`;
      return { about: "models searched", state: "ok", text };
    }),
    ...absent.map((folder): Finding => ({ about: "no ComfyUI", state: "ok", text: `${folder} does not exist` })),
  ];
}

/** Files in those places that may be SeedVR2's and cannot be read; the list of models passes over most of them. */
export async function faultyModelFindings(settings: Settings): Promise<Finding[]> {
  const { findCheckpoints } = await import("../../engine/models/find-checkpoints.ts");
  const searched = await modelFolders(engineConfig(settings));
  const { faulty } = await findCheckpoints(searched.map(({ path }) => path));
  return faulty.map(({ path, fault }) => ({ about: "faulty model", state: "note", text: `${path}: ${fault}` }));
}

function folderFinding(about: string, folder: string): Finding {
  let nearest = folder;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  const state = nearest === folder ? "writable" : "made when needed";
  try {
    accessSync(nearest, constants.W_OK);
    return { about, state: "ok", text: `${folder} (${state})` };
  } catch {
    // Models may well lie on a read-only disk.
    const isNeeded = about !== "model folder";
    const text = `${folder} cannot be written to`;
    return {
      about,
      state: isNeeded ? "problem" : "note",
      text,
      ...(isNeeded && { todo: "Change its permissions, or its setting." }),
    };
  }
}

/** Whether the port is free, ours or somebody else's. */
export async function portFinding(settings: Settings, owner: EngineFile | null): Promise<Finding> {
  const { PORT, HOST } = settings.values;
  if (owner?.port === PORT)
    return { about: "port", state: "ok", text: `${PORT} is the engine's (process ${owner.pid})` };
  const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen({ port: PORT, host: HOST, exclusive: true }, () => server.close(() => resolve(null)));
  });
  if (!failure) return { about: "port", state: "ok", text: `${PORT} on ${HOST} is free` };
  if (failure.code !== "EADDRINUSE")
    return { about: "port", state: "problem", text: `${HOST}:${PORT}: ${failure.message}` };
  return {
    about: "port",
    state: "note",
    text: `${PORT} on ${HOST} is taken by another program; an engine started by a tool call takes a free one instead`,
    todo: "For serve, set PORT to another.",
  };
}
