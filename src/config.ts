import { existsSync, readFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError, closest } from "../engine/index.ts";
import type { Caller, EngineConfig } from "../engine/index.ts";
import { builtFile, programVersion, projectRoot } from "./installation.ts";
import { comfyFolders, pathsOf } from "./places.ts";
import type { Surroundings } from "./places.ts";
import { settingNames, settingsTable } from "./settings.ts";
import type { Setting, SettingName, SettingValues } from "./settings.ts";

/** Where a value came from, strongest first. */
export type SettingOrigin = "flag" | "environment" | "file" | "default";
export type SettingFlags = Readonly<Partial<Record<SettingName, string>>>;

export interface Settings {
  /** By environment name; paths are absolute. */
  readonly values: SettingValues;
  readonly origins: Readonly<Record<SettingName, SettingOrigin>>;
}

/** This process's surroundings. Only this file reads the environment. */
export function here(): Surroundings {
  return {
    platform: process.platform,
    environment: process.env,
    home: homedir(),
    temporary: tmpdir(),
    workingDirectory: process.cwd(),
    exists: existsSync,
    readText: (path) => (existsSync(path) ? readFileSync(path, "utf8") : null),
  };
}

/**
 * All settings: flag before environment before settings file before default. An empty value counts as not given.
 * Throws `invalid_parameter` naming setting, value, origin and what is allowed.
 */
export function loadSettings(flags: SettingFlags = {}, at: Surroundings = here()): Settings {
  const values: Record<string, unknown> = {};
  const origins: Record<string, SettingOrigin> = {};
  const sources: Source[] = [
    { origin: "flag", given: flags, base: at.workingDirectory },
    { origin: "environment", given: at.environment, base: at.workingDirectory },
  ];
  for (const name of settingNames) {
    const named = (given: Source["given"]) => {
      const { alias }: Setting = settingsTable[name];
      return isGiven(given[name]) || !alias ? given[name] : given[alias];
    };
    const source = sources.find(({ given }) => isGiven(named(given)));
    const fallback = () => settingsTable[name].fallback(at, (earlier) => String(values[earlier]));
    const raw = source ? named(source.given) : fallback();
    values[name] = readValue(name, raw, source ?? { origin: "default", given: {}, base: at.workingDirectory }, at);
    origins[name] = source?.origin ?? "default";
    // The settings file's own place is the first row of the table; from then on the file counts too.
    if (name === "SEEDVR2_CONFIG") sources.push(fileSource(String(values[name]), origins[name] !== "default", at));
  }
  return Object.freeze({ values: values as SettingValues, origins: origins as Settings["origins"] });
}

interface Source {
  readonly origin: SettingOrigin;
  readonly given: Readonly<Record<string, unknown>>;
  /** What relative paths in it are relative to. */
  readonly base: string;
}

const isGiven = (value: unknown) => value !== undefined && value !== null && value !== "";

function readValue(name: SettingName, raw: unknown, source: Source, at: Surroundings): unknown {
  const { schema, form, allowed }: Setting = settingsTable[name];
  if (raw === null) return null;
  const absolute = (path: string) => absolutePath(path, source.base, at);
  const textual = typeof raw === "string" || typeof raw === "number" ? String(raw) : undefined;
  const items = Array.isArray(raw) ? raw.map(String) : textual?.split(pathsOf(at).delimiter);
  const prepared =
    form === "folders"
      ? items?.filter(Boolean).map(absolute)
      : form === "path" && textual
        ? absolute(textual)
        : textual;
  const parsed = schema.safeParse(prepared);
  if (parsed.success) return parsed.data;
  throw new EngineError("invalid_parameter", {
    what: `The setting ${name} is ${JSON.stringify(raw)}, which is not possible.`,
    why: `It comes from ${originTexts[source.origin]}.`,
    todo: `Give ${allowed}.`,
    facts: { setting: name, given: raw, allowed, origin: source.origin },
  });
}

const originTexts: Readonly<Record<SettingOrigin, string>> = {
  flag: "a flag of the command line",
  environment: "the environment",
  file: "the settings file (seedvr2 doctor names it)",
  default: "the default for this machine",
};

/** `~/` is the home folder; a relative path counts from `base`. */
function absolutePath(path: string, base: string, at: Surroundings): string {
  const { resolve } = pathsOf(at);
  if (path === "~" || /^~[\\/]/.test(path)) return resolve(at.home, path.slice(2));
  return resolve(base, path);
}

function fileSource(path: string, demanded: boolean, at: Surroundings): Source {
  const text = at.readText(path);
  if (text === null && demanded) {
    throw new EngineError("invalid_parameter", {
      what: `The settings file ${path} does not exist.`,
      todo: "Make it, or leave SEEDVR2_CONFIG and --config out.",
    });
  }
  const given = text === null ? {} : parseFile(text, path);
  for (const key of Object.keys(given)) {
    if (key in settingsTable && key !== "SEEDVR2_CONFIG") continue;
    const near = closest(key, settingNames);
    throw new EngineError("invalid_parameter", {
      what: `The settings file ${path} has the key ${JSON.stringify(key)}, which is no setting there.`,
      ...(near && near !== key && { why: `Did you mean ${near}?` }),
      todo: "Keys are the names of the environment variables; the README lists them.",
    });
  }
  return { origin: "file", given, base: pathsOf(at).dirname(path) };
}

function parseFile(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EngineError("invalid_parameter", {
      what: `The settings file ${path} is not valid JSON: ${(cause as Error).message}.`,
      todo: "Correct it, or remove the file to use the defaults.",
      cause,
    });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new EngineError("invalid_parameter", {
    what: `The settings file ${path} is not one JSON object.`,
    todo: 'Write it as { "OUTPUT_FOLDER": "/path/to/results" }.',
  });
}

/** A setting's value as text, as it would stand in the environment; secrets are hidden, null is empty. */
export function settingText(settings: Settings, name: SettingName, at: Surroundings = here()): string {
  const entry: Setting = settingsTable[name];
  const value = settings.values[name];
  if (value === null) return "";
  if (entry.secret) return "(set)";
  return Array.isArray(value) ? value.join(pathsOf(at).delimiter) : String(value);
}

/** What the engine runs with; `root` is the folder of this program, where the built-in model lies. */
export function engineConfig(settings: Settings, root: string = projectRoot(), at = here()): EngineConfig {
  const v = settings.values;
  return Object.freeze({
    stateDir: v.SEEDVR2_STATE_DIR,
    modelDirs: v.MODEL_DIR,
    comfyFolders: comfyFolders(v.COMFYUI_PATH, at),
    download: {
      ...{ modelUrl: v.SEEDVR2_MODEL_URL, endpoint: v.HF_ENDPOINT, token: v.HF_TOKEN },
      proxies: { http: v.HTTP_PROXY, https: v.HTTPS_PROXY, except: v.NO_PROXY },
      ...{ idleSeconds: 30, pauseSeconds: 1 },
    },
    cacheDir: v.SEEDVR2_CACHE_DIR,
    uploadDir: v.UPLOAD_FOLDER,
    maxUploadBytes: v.MAX_UPLOAD_SIZE * 1024 * 1024,
    maxHistory: v.MAX_HISTORY_SIZE,
    workerIdleSeconds: v.GPU_IDLE_TIMEOUT,
    ffmpegPath: v.FFMPEG_PATH,
    device: v.SEEDVR2_DEVICE,
    threads: v.SEEDVR2_THREADS,
    segmentFrames: v.SEEDVR2_SEGMENT_FRAMES,
    builtinModel: join(root, "models", "builtin_x2.onnx"),
    workerEntry: builtFile("worker"),
    workerEnvironment: workerEnvironment(settings, at),
    version: programVersion(),
    settings: textsOf(settings, (name) => settingsTable[name].owner === "engine"),
  });
}

/**
 * How glibc serves a network. Huge pages, because activations of hundreds of MB come and go and the kernel clears each
 * page anew. One arena: networks run on a thread of their own, and a thread's own arena gives its memory back after each
 * block (transformer of a 640×480 picture: 35 s against 29 s). Blocks from 8 MB on by themselves, above a stripe of 3B's
 * weights and below a kernel of 512 channels: what was freed while a session was made then goes back to the system (five frames of
 * 256×256 take 2.7 GB to decode where they took 3.8).
 */
const GLIBC_TUNABLES = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=8388608";

/**
 * The environment of a process that runs networks. onnxruntime would report each session to Microsoft; nothing of a
 * user's leaves this machine unasked.
 */
export function workerEnvironment(settings?: Settings, at = here()): Record<string, string | undefined> {
  const { environment } = at;
  const tunables = [GLIBC_TUNABLES, environment["GLIBC_TUNABLES"]].filter(Boolean).join(":"); // the user's come last and win
  const visible = settings && visibleGpus(settings, at);
  return { ...visible, ...environment, ORT_DISABLE_TELEMETRY: "1", GLIBC_TUNABLES: tunables };
}

/** Files that tell of a container. */
const containerMarks = ["/.dockerenv", "/run/.containerenv"];

/**
 * NVIDIA_VISIBLE_DEVICES as CUDA itself understands it, with nvidia-smi's numbers; nothing where nobody set it, so that
 * SEEDVR2_DEVICE may name any GPU. In a container its runtime has hidden the other GPUs by the same variable already and
 * numbered the rest from 0: the number would hide that too.
 */
function visibleGpus({ values, origins }: Settings, at: Surroundings): Record<string, string> {
  const wish = values.NVIDIA_VISIBLE_DEVICES;
  const isSaid = origins.NVIDIA_VISIBLE_DEVICES !== "default" && !["all", "void"].includes(wish);
  if (!isSaid || containerMarks.some((path) => at.exists(path))) return {};
  return { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: wish === "none" ? "-1" : wish };
}

/** What goes with each submission. Only engine settings that somebody set are compared: a default is no wish. */
export function callerOf(settings: Settings): Caller {
  return Object.freeze({
    outputFolder: settings.values.OUTPUT_FOLDER,
    allowedFolders: settings.values.SEEDVR2_ALLOWED_FOLDERS,
    defaultModel: settings.values.SEEDVR2_DEFAULT_MODEL,
    engineSettings: textsOf(
      settings,
      (name) => settingsTable[name].owner === "engine" && settings.origins[name] !== "default",
    ),
  });
}

function textsOf(settings: Settings, chosen: (name: SettingName) => boolean): Record<string, string> {
  return Object.fromEntries(settingNames.filter(chosen).map((name) => [name, settingText(settings, name)]));
}
