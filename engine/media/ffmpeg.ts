import { EngineError } from "../errors.ts";
import { runFfmpeg } from "./ffmpeg-process.ts";

/** An ffmpeg and what it can do, found out by trying: nightly builds have no version to go by. */
export interface Ffmpeg {
  readonly path: string;
  /** As it names itself; for people. */
  readonly version: string;
  /** Why this one was chosen, a finished sentence. */
  readonly reason: string;
  /** The option that hands frames through with their times: its name changed between releases. */
  readonly passthrough: readonly string[];
  readonly encoders: ReadonlySet<string>;
  readonly decoders: ReadonlySet<string>;
  readonly filters: ReadonlySet<string>;
  readonly muxers: ReadonlySet<string>;
}

const found = new Map<string, Promise<Ffmpeg>>();

/**
 * The ffmpeg to use: the wished one (FFMPEG_PATH), else the one in PATH where it can do what we need, else the
 * packaged one, else whatever PATH has. Tried once per process. Rejects with `not_runnable` where the wished one does
 * not run, `not_installed` where there is none.
 */
export function findFfmpeg(wish: string | null): Promise<Ffmpeg> {
  const key = wish ?? "";
  const known = found.get(key);
  if (known) return known;
  const search = wish === null ? chooseFfmpeg() : wishedFfmpeg(wish);
  found.set(key, search);
  // A failure is not kept: the user may install one meanwhile.
  search.catch(() => found.delete(key));
  return search;
}

async function wishedFfmpeg(path: string): Promise<Ffmpeg> {
  const abilities = await tryFfmpeg(path);
  if (!abilities) {
    throw new EngineError("not_runnable", {
      what: `FFMPEG_PATH names ${path}, which does not run as ffmpeg.`,
      todo: "Set it to an ffmpeg that runs, or unset it to use the packaged one.",
      facts: { path },
    });
  }
  return { ...abilities, reason: "FFMPEG_PATH names it." };
}

async function chooseFfmpeg(): Promise<Ffmpeg> {
  const inPath = await tryFfmpeg("ffmpeg");
  const missing = inPath ? missingIn(inPath) : [];
  if (inPath && missing.length === 0) return { ...inPath, reason: "It is in PATH and has all that is needed." };
  const packagedPath = await packagedFfmpeg();
  const packaged = packagedPath ? await tryFfmpeg(packagedPath) : null;
  if (packaged) {
    const why = inPath ? `The one in PATH has no ${missing.join(", ")}` : "There is none in PATH";
    return { ...packaged, reason: `${why}; this one came with the program.` };
  }
  if (inPath && !missing.includes("nut")) {
    return { ...inPath, reason: `It is in PATH; it has no ${missing.join(", ")}, but no packaged one runs here.` };
  }
  throw new EngineError("not_installed", {
    what: "No ffmpeg was found: there is none in PATH and the packaged one does not run on this system.",
    todo: "Install ffmpeg so that it is in PATH, or set FFMPEG_PATH to it.",
  });
}

function missingIn(ffmpeg: Abilities): string[] {
  return [
    ...(ffmpeg.encoders.has("libx264") ? [] : ["libx264"]),
    ...(ffmpeg.filters.has("zscale") ? [] : ["zscale"]),
    ...(ffmpeg.muxers.has("nut") ? [] : ["nut"]),
  ];
}

/** The path of the ffmpeg from npm, or null where there is none for this system. */
async function packagedFfmpeg(): Promise<string | null> {
  try {
    const module = await import("@ffmpeg-installer/ffmpeg");
    return module.default.path;
  } catch {
    // On systems it has no binary for, the package throws a string while it is imported.
    return null;
  }
}

type Abilities = Omit<Ffmpeg, "reason">;

const passthroughs = [
  ["-fps_mode", "passthrough"],
  ["-vsync", "0"],
] as const;

async function tryFfmpeg(path: string): Promise<Abilities | null> {
  const version = await ask(path, ["-version"]);
  if (!version?.startsWith("ffmpeg")) return null;
  // Some take a fifth of a second to start: side by side, because a first call waits for them.
  const [encoders, decoders, filters, muxers, passthrough] = await Promise.all([
    ask(path, ["-hide_banner", "-encoders"]),
    ask(path, ["-hide_banner", "-decoders"]),
    ask(path, ["-hide_banner", "-filters"]),
    ask(path, ["-hide_banner", "-muxers"]),
    firstThatWorks(path),
  ]);
  if (!encoders || !decoders || !filters || !muxers || !passthrough) return null;
  return {
    path,
    version: /^ffmpeg version (\S+)/.exec(version)?.[1] ?? "unknown",
    passthrough,
    encoders: secondWords(encoders),
    decoders: secondWords(decoders),
    filters: secondWords(filters),
    muxers: secondWords(muxers),
  };
}

async function firstThatWorks(path: string): Promise<readonly string[] | null> {
  for (const option of passthroughs) {
    const frame = ["-v", "error", "-f", "lavfi", "-i", "color=s=16x16:d=0.04", ...option, "-f", "null", "-"];
    if ((await ask(path, frame)) !== null) return option;
  }
  return null;
}

/** What the command printed, or null where it failed. */
async function ask(path: string, parameters: readonly string[]): Promise<string | null> {
  try {
    const result = await runFfmpeg(path, parameters, { timeout: 20_000 });
    return result.exitCode === 0 ? result.stdout : null;
  } catch {
    return null;
  }
}

/**
 * ffmpeg lists abilities as lines of flags, name, description. An encoder that calls itself experimental (X in the
 * fourth place) counts as missing: the AV1 of 2018 takes minutes for a frame.
 */
function secondWords(list: string): ReadonlySet<string> {
  const lines = [...list.matchAll(/^ +([A-Z.|]{1,8}) +(\S+)/gm)];
  const sound = lines.filter(([, flags]) => flags?.[3] !== "X");
  return new Set(sound.flatMap(([, , names]) => names?.split(",") ?? []));
}
