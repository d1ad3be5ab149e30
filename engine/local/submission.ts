import { statfs } from "node:fs/promises";
import { basename, dirname, extname } from "node:path";
import { readablePath, writablePath } from "../allowed-paths.ts";
import type { Caller } from "../engine.ts";
import { EngineError } from "../errors.ts";
import { chooseEncoding } from "../media/choose-encoding.ts";
import { encoderNames } from "../media/encoding.ts";
import type { Container, VideoCodec } from "../media/encoding.ts";
import type { ClipInfo, MediaInfo } from "../media/media-info.ts";
import { type WrittenFormat, formatTraits, writtenFormats } from "../media/picture-formats.ts";
import { defaultModel, knownModel, runnableModel } from "../models/model-list.ts";
import { publishedFile } from "../models/published-files.ts";
import { imageParameters, videoParameters } from "../schemas/parameters.ts";
import type { TaskParameters } from "../schemas/parameters.ts";
import type { ModelEntry } from "../schemas/results.ts";
import type { OutputWish, Submission } from "../tasks/task.ts";
import { targetSize } from "../tasks/target-size.ts";
import type { SizeBounds } from "../tasks/target-size.ts";

export interface SubmissionParts {
  readonly probe: (path: string) => Promise<MediaInfo>;
  readonly models: () => Promise<ModelEntry[]>;
  /** Where segments are kept until the clip is whole. */
  readonly workDir: string;
  /** What the ffmpeg here can encode. */
  readonly encoders: () => Promise<ReadonlySet<string>>;
}

export interface Wish {
  readonly parameters: TaskParameters;
  /** What the tool the caller chose is for; null where it takes both. */
  readonly kind: "image" | "video" | null;
  readonly caller: Caller;
  /** The owner's name of an uploaded file, which the engine may read wherever it lies. */
  readonly uploadName: string | null;
}

const formats = {
  image: writtenFormats,
  video: ["mp4", "mov", "mkv", "webm"],
} as const;

/** A byte or so a pixel and frame is what results and segments need at most; checked before anything is computed. */
const BYTES_PER_PIXEL = { image: 8, video: 0.6 } as const;

/** Turns a wish into what is queued, refusing here whatever can be refused before the work begins. */
export async function prepareSubmission(wish: Wish, parts: SubmissionParts): Promise<Submission> {
  const { parameters, caller, uploadName } = wish;
  const inputPath =
    uploadName === null ? await readablePath(parameters.file_path, caller.allowedFolders) : parameters.file_path;
  const info = await parts.probe(inputPath);
  const kind = info.kind === "picture" ? "image" : "video";
  if (wish.kind !== null && wish.kind !== kind) throw wrongTool(info);

  const models = await parts.models();
  const model = parameters.dit_model
    ? usableModel(models, parameters.dit_model, parameters.download)
    : defaultModel(models, caller.defaultModel);
  refuseTiles(parameters);
  const output = await outputWish(parameters, kind, info, caller);
  const target = targetSize(info, parameters, boundsOf(info, output.format));
  if (info.kind === "clip") refuseEncoding(info, parameters, target, { output, encoders: await parts.encoders() });
  const frames = frameCount(info, parameters);
  const needed = target.width * target.height * frames * BYTES_PER_PIXEL[kind];
  await refuseFullDisk(output.folder, needed);
  await refuseFullDisk(parts.workDir, needed);
  return {
    kind,
    inputPath,
    inputName: uploadName ?? basename(inputPath),
    uploaded: uploadName !== null,
    parameters: {
      ...meaningful(parameters, kind),
      dit_model: model.name,
      resolution: Math.min(target.width, target.height),
    },
    target,
    frames,
    output,
    notes: [...smallerNote(info, target), ...notYet(parameters)],
    idempotencyKey: parameters.idempotency_key ?? null,
  };
}

function boundsOf(info: MediaInfo, format: string): SizeBounds {
  if (info.kind === "clip") return { kind: "video" };
  const traits = formatTraits[format as WrittenFormat];
  return { kind: "image", pages: traits.pages ? info.pages : 1, format: traits };
}

/** A model that can run, or that the task may fetch. */
function usableModel(models: readonly ModelEntry[], wanted: string, download: boolean): ModelEntry {
  const model = knownModel(models, wanted);
  const canBeFetched = download && !model.runnable && (model.installed || publishedFile(model.name) !== undefined);
  return canBeFetched ? model : runnableModel(models, wanted);
}

/** Refuses tiles that share more than their half, as no tile could be blended with the next but one. */
function refuseTiles({ vae_tile_size: size, vae_tile_overlap: overlap }: TaskParameters): void {
  if (overlap === undefined || (size !== undefined && overlap <= size / 2)) return;
  throw new EngineError("invalid_parameter", {
    what: `vae_tile_overlap ${overlap} does not go with ${size === undefined ? "no vae_tile_size" : `vae_tile_size ${size}`}.`,
    todo: "Give vae_tile_size too, at least twice the overlap.",
    facts: { parameter: "vae_tile_overlap", size, overlap },
  });
}

/** Refuses a codec, quality or preset that cannot be had, before the work begins. */
function refuseEncoding(
  info: ClipInfo,
  { codec, quality, preset }: TaskParameters,
  target: { width: number; height: number },
  { output, encoders }: { output: OutputWish; encoders: ReadonlySet<string> },
): void {
  const request = { container: output.format as Container, codec: codec as VideoCodec | undefined, quality, preset };
  const { spec } = chooseEncoding(info, request, target);
  const encoder = encoderNames[spec.codec];
  if (encoders.has(encoder)) return;
  throw new EngineError("invalid_parameter", {
    what: `The ffmpeg here cannot encode ${spec.codec} (it has no ${encoder}).`,
    todo: "Choose another codec, or set FFMPEG_PATH to an ffmpeg that has it.",
    facts: { parameter: "codec", codec: spec.codec, encoder },
  });
}

function frameCount(info: MediaInfo, parameters: TaskParameters): number {
  const all = info.kind === "picture" ? info.pages : info.frames;
  return Math.max(1, parameters.preview_frames ? Math.min(parameters.preview_frames, all) : all);
}

/** What concerns network and encoder of such a file; where the file lies is kept apart. */
function meaningful(parameters: TaskParameters, kind: "image" | "video"): Recorded {
  const { shape } = kind === "image" ? imageParameters : videoParameters;
  const { file_path, output_path, output_format, overwrite, idempotency_key, ...rest } = parameters;
  void [file_path, output_path, output_format, overwrite, idempotency_key];
  return Object.fromEntries(Object.entries(rest).filter(([name]) => name in shape)) as Recorded;
}

type Recorded = Omit<TaskParameters, "file_path"> & Record<string, unknown>;

async function outputWish(
  parameters: TaskParameters,
  kind: "image" | "video",
  info: MediaInfo,
  caller: Caller,
): Promise<OutputWish> {
  const { output_path: given, overwrite } = parameters;
  const wished = given ? extname(given).slice(1) : parameters.output_format?.replace(/^\./, "");
  const format = chosenFormat(wished?.toLowerCase(), kind, info);
  if (!given) {
    const allowed = [...caller.allowedFolders, caller.outputFolder];
    const inFolder = await writablePath("OUTPUT_FOLDER", `${caller.outputFolder}/x`, allowed);
    return { folder: dirname(inFolder), path: null, format, overwrite };
  }
  const path = await writablePath("output_path", given, [...caller.allowedFolders, caller.outputFolder]);
  return { folder: dirname(path), path, format, overwrite };
}

function chosenFormat(wished: string | undefined, kind: "image" | "video", info: MediaInfo): string {
  const moving = info.kind === "picture" && info.pages > 1 && formatTraits[info.format].animated;
  if (wished === undefined) return moving ? info.format : kind === "image" ? "png" : "mp4";
  if ((formats[kind] as readonly string[]).includes(wished)) return wished;
  throw new EngineError("invalid_parameter", {
    what: wished
      ? `A ${kind === "image" ? "picture" : "clip"} cannot be written as .${wished}.`
      : "The output path has no extension, which decides the format.",
    todo: `Possible are: ${formats[kind].join(", ")}.`,
    facts: { parameter: "output_format", given: wished, allowed: formats[kind] },
  });
}

function wrongTool(info: MediaInfo): EngineError {
  const kind = info.kind === "picture" ? "image" : "video";
  const animatedPng = info.kind === "clip" && info.demuxer === "apng";
  const is = kind === "image" ? "a picture" : animatedPng ? "an animated PNG, which counts as a clip" : "a clip";
  return new EngineError("invalid_parameter", {
    what: `The file is ${is}.`,
    todo: `Use submit_${kind}_task for it.`,
    facts: { kind },
  });
}

function smallerNote(info: MediaInfo, target: { width: number; height: number }): string[] {
  if (target.width >= info.width && target.height >= info.height) return [];
  return [`The result is smaller than the source: ${info.width}x${info.height} to ${target.width}x${target.height}.`];
}

/** Parameters of the contract that this version takes without effect. */
function notYet({ deinterlace, dither }: TaskParameters): string[] {
  return [
    ...(deinterlace ? ["deinterlace has no effect yet: frames are enlarged as they are."] : []),
    ...(dither ? ["dither has no effect yet: results are rounded."] : []),
  ];
}

async function refuseFullDisk(folder: string, needed: number): Promise<void> {
  const space = await nearestStatfs(folder);
  const free = space.bavail * space.bsize;
  if (free >= needed) return;
  throw new EngineError("disk_full", {
    what: `The result may need ${Math.ceil(needed / 1e6)} MB, and ${folder} has ${Math.floor(free / 1e6)} MB free.`,
    todo: "Free some space or choose another output folder.",
    facts: { needed, free },
  });
}

async function nearestStatfs(folder: string): Promise<{ bavail: number; bsize: number }> {
  return statfs(folder).catch((error: unknown) => {
    if (folder === dirname(folder)) throw error;
    return nearestStatfs(dirname(folder));
  });
}
