import { z } from "zod";
import { devicePattern, deviceWords } from "../engine/onnx/providers.ts";
import { allowedFolders, cacheFolder, configFile, outputFolder, pathsOf, stateFolder } from "./places.ts";
import type { Surroundings } from "./places.ts";

/**
 * Whose value counts when caller and engine differ. caller: goes with each submission. engine: that of the process
 * that started the engine; a caller who wants another gets a warning. client: concerns only the process that reads it.
 */
type SettingOwner = "caller" | "engine" | "client";
/** How a value is read: paths are made absolute, `folders` are a list with the system's path separator. */
type Form = "text" | "path" | "folders";

export interface Setting<S extends z.ZodType = z.ZodType> {
  /** Takes a string, or an array of strings for `folders`. */
  readonly schema: S;
  readonly form: Form;
  /** What a value may be, in the words an error uses. */
  readonly allowed: string;
  readonly owner: SettingOwner;
  /** Flag with its value's name, for those worth typing; `on` is the one command that has it, else every one has. */
  readonly flag?: { readonly text: string; readonly on?: "serve" };
  readonly unit?: string;
  /** In words, where it depends on the machine; else `fallback` says all. */
  readonly defaultText?: string;
  /** The value when nothing is said; `earlier` gives values of settings that stand above in the table. */
  readonly fallback: (at: Surroundings, earlier: (name: string) => string) => string | readonly string[] | null;
  readonly does: string;
  /** Never shown. */
  readonly secret?: true;
  /** Another name under which the environment may have it. */
  readonly alias?: string;
}

const setting = <S extends z.ZodType>(value: Setting<S>): Setting<S> => value;

const wholeNumber = (min: number, max: number, fallback: number) => ({
  schema: z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(min).max(max)),
  form: "text" as const,
  allowed: `a whole number ${min}–${max}`,
  fallback: () => String(fallback),
});
const seconds = (fallback: number) => ({ ...wholeNumber(0, 31_536_000, fallback), unit: "s" });
const aPath = { schema: z.string().min(1), form: "path" as const, allowed: "a path" };
const folders = {
  schema: z.array(z.string().min(1)).min(1),
  form: "folders" as const,
  allowed: "folders, separated as in PATH",
};

const anAddress = {
  schema: z.url({ protocol: /^https?$/ }).nullable(),
  form: "text" as const,
  allowed: "an http or https address",
};
const aProxy = {
  ...anAddress,
  ...{ owner: "engine" as const, fallback: () => null, defaultText: "none" },
};

/** Every setting, once: reading, checking, flags, doctor and the documents are made from this. */
export const settingsTable = {
  SEEDVR2_CONFIG: setting({
    ...aPath,
    owner: "client",
    flag: { text: "--config <file>" },
    fallback: configFile,
    defaultText: "~/.config/seedvr2/config.json (Windows %APPDATA%\\seedvr2\\config.json)",
    does: "JSON file with settings, keys named as here; for hosts that start servers with a bare environment.",
  }),
  SEEDVR2_STATE_DIR: setting({
    ...aPath,
    owner: "client",
    flag: { text: "--state-dir <folder>" },
    fallback: stateFolder,
    defaultText:
      "~/.local/state/seedvr2 (macOS ~/Library/Application Support/seedvr2, Windows %LOCALAPPDATA%\\seedvr2)",
    does: "Tasks, log, unfinished work, uploads and models; one engine a folder.",
  }),
  SEEDVR2_CACHE_DIR: setting({
    ...aPath,
    owner: "engine",
    fallback: cacheFolder,
    defaultText: "~/.cache/seedvr2 (macOS ~/Library/Caches/seedvr2, Windows %LOCALAPPDATA%\\seedvr2\\cache)",
    does: "What can be made again at any time.",
  }),
  PORT: setting({
    ...wholeNumber(0, 65_535, 8200),
    owner: "engine",
    flag: { text: "--port <number>", on: "serve" },
    does: "Port of REST, the web page and /mcp; an engine started by a tool call takes a free one if it is taken.",
  }),
  HOST: setting({
    schema: z.string().regex(/^[\w.:[\]-]+$/),
    form: "text",
    allowed: "a host name or address",
    owner: "engine",
    flag: { text: "--host <address>", on: "serve" },
    fallback: () => "127.0.0.1",
    does: "Address to listen on; any but a loopback one needs SEEDVR2_API_TOKEN.",
  }),
  SEEDVR2_API_URL: setting({
    ...anAddress,
    owner: "client",
    flag: { text: "--api-url <url>" },
    fallback: () => null,
    defaultText: "none: an engine on this machine",
    does: "Use the engine at this address; files are uploaded and results downloaded.",
  }),
  SEEDVR2_API_TOKEN: setting({
    schema: z.string().min(1).nullable(),
    form: "text",
    allowed: "any text",
    owner: "client",
    fallback: () => null,
    defaultText: "none",
    does: "Token that REST asks for and that is sent to SEEDVR2_API_URL.",
    secret: true,
  }),
  OUTPUT_FOLDER: setting({
    ...aPath,
    owner: "caller",
    flag: { text: "--output-folder <folder>" },
    fallback: outputFolder,
    defaultText: "~/Videos/SeedVR2 (macOS ~/Movies/SeedVR2), or ~/SeedVR2 where there is no such folder",
    does: "Where results go that name no place.",
  }),
  SEEDVR2_ALLOWED_FOLDERS: setting({
    ...folders,
    owner: "caller",
    fallback: (at, earlier) => allowedFolders(at, earlier("OUTPUT_FOLDER")),
    defaultText: "home, OUTPUT_FOLDER, the temporary folder, where media are mounted",
    does: "Folders MCP and REST may read from and write to; paths given on the command line are allowed by being given.",
  }),
  SEEDVR2_DEFAULT_MODEL: setting({
    schema: z.string().min(1).max(255).nullable(),
    form: "text",
    allowed: "a model's name",
    owner: "caller",
    fallback: () => null,
    defaultText: "the recommended installed model, else the built-in one",
    does: "Model for tasks that name none.",
  }),
  MODEL_DIR: setting({
    ...folders,
    owner: "engine",
    flag: { text: "--model-dir <folders>" },
    fallback: (at, earlier) => [pathsOf(at).join(earlier("SEEDVR2_STATE_DIR"), "models")],
    defaultText: "models in SEEDVR2_STATE_DIR",
    does: "Folders searched for checkpoints; downloads go to the first.",
  }),
  COMFYUI_PATH: setting({
    ...aPath,
    schema: z.string().min(1).nullable(),
    owner: "engine",
    fallback: () => null,
    defaultText: "none: ~/ComfyUI and ~/Documents/ComfyUI are looked at in any case",
    does: "A ComfyUI whose model folders, and those its extra_model_paths.yaml names, are searched too; nothing is written there.",
  }),
  SEEDVR2_MODEL_URL: setting({
    ...anAddress,
    owner: "engine",
    fallback: () => null,
    defaultText: "none: Hugging Face",
    does: "Address of a folder with the model files, to fetch them from.",
  }),
  HF_ENDPOINT: setting({
    ...anAddress,
    schema: z.url({ protocol: /^https?$/ }),
    owner: "engine",
    fallback: () => "https://huggingface.co",
    does: "Hugging Face or a mirror of it, where models are fetched from.",
  }),
  HF_TOKEN: setting({
    schema: z.string().min(1).nullable(),
    form: "text",
    allowed: "any text",
    owner: "engine",
    fallback: () => null,
    defaultText: "none",
    does: "Token for HF_ENDPOINT, where files ask for one.",
    secret: true,
  }),
  HTTPS_PROXY: setting({ ...aProxy, alias: "https_proxy", does: "Proxy for fetching models over https." }),
  HTTP_PROXY: setting({ ...aProxy, alias: "http_proxy", does: "Proxy for fetching models over http." }),
  NO_PROXY: setting({
    ...aProxy,
    schema: z.string().nullable(),
    alias: "no_proxy",
    allowed: "hosts, separated by commas",
    does: "Hosts that are reached without a proxy.",
  }),
  UPLOAD_FOLDER: setting({
    ...aPath,
    owner: "engine",
    fallback: (at, earlier) => pathsOf(at).join(earlier("SEEDVR2_STATE_DIR"), "uploads"),
    defaultText: "uploads in SEEDVR2_STATE_DIR",
    does: "Where REST uploads are kept until their task has ended.",
  }),
  MAX_UPLOAD_SIZE: setting({ ...wholeNumber(1, 1_000_000, 500), unit: "MB", owner: "engine", does: "Largest upload." }),
  MAX_HISTORY_SIZE: setting({
    ...wholeNumber(1, 100_000, 100),
    owner: "engine",
    does: "How many tasks a history answer lists at most.",
  }),
  NVIDIA_VISIBLE_DEVICES: setting({
    schema: z.string().min(1).max(255),
    form: "text",
    allowed: "numbers or names of GPUs",
    owner: "engine",
    fallback: () => "0",
    does: "Which NVIDIA GPUs the engine may see.",
  }),
  SEEDVR2_DEVICE: setting({
    schema: z.string().regex(devicePattern),
    form: "text",
    allowed: deviceWords,
    owner: "engine",
    flag: { text: "--device <name>" },
    fallback: () => "auto",
    does: "What to compute on, a GPU's number behind a colon (cuda:1); auto tries what this machine has and ends with the CPU.",
  }),
  SEEDVR2_THREADS: setting({
    ...wholeNumber(0, 1024, 0),
    owner: "engine",
    flag: { text: "--threads <number>" },
    does: "Threads a network runs with on the CPU; 0 is one per processor.",
  }),
  GPU_IDLE_TIMEOUT: setting({
    ...seconds(600),
    owner: "engine",
    does: "Unload the model after so long without a task; 0 never.",
  }),
  SEEDVR2_ENGINE_IDLE: setting({
    ...seconds(600),
    owner: "engine",
    does: "An engine started by a tool call ends after so long without task or call; 0 never.",
  }),
  SEEDVR2_SEGMENT_FRAMES: setting({
    ...wholeNumber(1, 100_000, 250),
    unit: "frames",
    owner: "engine",
    does: "Length of a finished piece of a clip: what a killed task may have to encode again.",
  }),
  SEEDVR2_MCP_MAX_WAIT: setting({
    ...wholeNumber(1, 86_400, 45),
    unit: "s",
    owner: "client",
    does: "Longest time one MCP call waits before it answers with timed_out, because hosts cut calls off.",
  }),
  FFMPEG_PATH: setting({
    schema: z.string().min(1).nullable(),
    form: "path",
    allowed: "a path",
    owner: "engine",
    fallback: () => null,
    defaultText: "the one on the PATH if it can do enough, else the installed package's",
    does: "ffmpeg to use.",
  }),
};

export type SettingName = keyof typeof settingsTable;
export type SettingValues = { readonly [N in SettingName]: z.output<(typeof settingsTable)[N]["schema"]> };
export const settingNames = Object.keys(settingsTable) as SettingName[];

/** The default in words, for help texts and documents. */
export function defaultText(entry: Setting, at: Surroundings): string {
  return entry.defaultText ?? String(entry.fallback(at, () => ""));
}

/** `--state-dir <folder>` → `stateDir`: the key under which commander answers a flag. */
export function flagKey(text: string): string {
  const name = /^--([a-z-]+)/.exec(text)?.[1] ?? "";
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
