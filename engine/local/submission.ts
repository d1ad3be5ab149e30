import { basename } from "node:path";
import { readablePath } from "../allowed-paths.ts";
import type { Caller } from "../engine.ts";
import { EngineError } from "../errors.ts";
import { chooseEncoding } from "../media/choose-encoding.ts";
import { travelDepth } from "../media/conversion.ts";
import type { ClipFormat, EncodeSpec, VideoCodec } from "../media/encoding.ts";
import type { ClipInfo, MediaInfo } from "../media/media-info.ts";
import { type WrittenFormat, formatTraits } from "../media/picture-formats.ts";
import { defaultModel, knownModel, runnableModel } from "../models/model-list.ts";
import { publishedFile } from "../models/published-files.ts";
import { imageParameters, videoParameters } from "../schemas/parameters.ts";
import type { TaskParameters } from "../schemas/parameters.ts";
import type { ModelEntry } from "../schemas/results.ts";
import type { MemoryHere } from "../pipeline/memory-plan.ts";
import type { OutputWish, Submission } from "../tasks/task.ts";
import { targetSize } from "../tasks/target-size.ts";
import type { SizeBounds, SizeWish } from "../tasks/target-size.ts";
import { encodedBytes, refuseFullDisk, type DiskNeed } from "./disk-space.ts";
import { refuseWhatDoesNotFit } from "./memory-check.ts";
import { outputWish } from "./output-wish.ts";

export interface SubmissionParts {
  readonly probe: (path: string) => Promise<MediaInfo>;
  readonly models: () => Promise<ModelEntry[]>;
  /** Where segments are kept until the clip is whole. */
  readonly workDir: string;
  /** What the ffmpeg here can encode. */
  readonly encoders: () => Promise<ReadonlySet<string>>;
  /** Output frames in a segment. */
  readonly segmentFrames: number;
  /** What a task may have. */
  readonly memory: MemoryHere;
}

export interface Wish {
  readonly parameters: TaskParameters;
  /** What the tool the caller chose is for; null where it takes both. */
  readonly kind: "image" | "video" | null;
  readonly caller: Caller;
  /** The owner's name of an uploaded file, which the engine may read wherever it lies. */
  readonly uploadName: string | null;
}

/** What a picture's result needs at most; checked before anything is computed. */
const PICTURE_BYTES_PER_PIXEL = 8;

/** What a wish is about, once its file was looked at. */
export interface ReadWish {
  readonly inputPath: string;
  readonly info: MediaInfo;
  readonly kind: "image" | "video";
  readonly output: OutputWish;
  /** Pixels of the result. Throws `too_large` where they would be too many. */
  readonly sizeOf: (wish: SizeWish) => Submission["target"];
  readonly frames: number;
}

/** Looks at a wish's file and refuses what cannot be, whatever the model. */
export async function readWish(wish: Wish, parts: Pick<SubmissionParts, "probe">): Promise<ReadWish> {
  const { parameters, caller, uploadName } = wish;
  const inputPath =
    uploadName === null ? await readablePath(parameters.file_path, caller.allowedFolders) : parameters.file_path;
  const info = await parts.probe(inputPath);
  const kind = info.kind === "picture" ? "image" : "video";
  if (wish.kind !== null && wish.kind !== kind) throw wrongTool(info);
  refuseTiles(parameters);
  const output = await outputWish(parameters, info, caller);
  const sizeOf = (size: SizeWish) => targetSize(info, size, boundsOf(info, output.format));
  return { inputPath, info, kind, output, sizeOf, frames: frameCount(info, parameters) };
}

/** Turns a wish into what is queued, refusing here whatever can be refused before the work begins. */
export async function prepareSubmission(wish: Wish, parts: SubmissionParts): Promise<Submission> {
  const { parameters, caller, uploadName } = wish;
  const { inputPath, info, kind, output, sizeOf, frames } = await readWish(wish, parts);
  const models = await parts.models();
  const model = parameters.dit_model
    ? usableModel(models, parameters.dit_model, parameters.download)
    : defaultModel(models, caller.defaultModel);
  const target = sizeOf(parameters);
  await refuseWhatDoesNotFit({ kind, parameters, sizeOf, memory: parts.memory }, model, models);
  await refuseFullDisk(
    info.kind === "clip"
      ? await clipNeeds(info, { target, output, parameters }, { ...parts, slow: !model.builtin })
      : pictureNeeds(target, { frames, folder: output.folder, workDir: parts.workDir }),
  );
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
    notes: smallerNote(info, target),
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

function pictureNeeds(
  { width, height }: { width: number; height: number },
  { frames, folder, workDir }: { frames: number; folder: string; workDir: string },
): DiskNeed[] {
  const bytes = width * height * frames * PICTURE_BYTES_PER_PIXEL;
  return [
    { folder, bytes },
    { folder: workDir, bytes },
  ];
}

type WrittenClip = Pick<Submission, "target" | "output"> & { readonly parameters: TaskParameters };

/** How a clip's result would be encoded. Refuses a codec, container or preset that cannot be had. */
export async function clipEncoding(
  info: ClipInfo,
  { target, output, parameters }: WrittenClip,
  { encoders }: Pick<SubmissionParts, "encoders">,
): Promise<EncodeSpec> {
  const { codec, quality, preset, dither } = parameters;
  const request = { container: output.format as ClipFormat, codec: codec as VideoCodec | undefined, quality, preset };
  return chooseEncoding(info, { ...request, dither, encoders: await encoders() }, target).spec;
}

/** What a clip's result and its unfinished parts may take. */
async function clipNeeds(
  info: ClipInfo,
  clip: WrittenClip,
  parts: SubmissionParts & { slow: boolean },
): Promise<DiskNeed[]> {
  const { output, parameters } = clip;
  const spec = await clipEncoding(info, clip, parts);
  const frames = frameCount(info, parameters);
  const deep = travelDepth(info, spec) === 16;
  const result = encodedBytes(spec.codec, spec, frames, deep);
  // Batches of a slow network are kept without loss until their segment is finished.
  const kept = Math.min(frames, parts.segmentFrames + parameters.batch_size);
  const batches = parts.slow ? encodedBytes("ffv1", spec, kept, deep) : 0;
  return [
    { folder: output.folder, bytes: result },
    { folder: parts.workDir, bytes: result + batches },
  ];
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

/** What is worth knowing of a result that is smaller than its source. */
export function smallerNote(info: MediaInfo, target: { width: number; height: number }): string[] {
  if (target.width >= info.width && target.height >= info.height) return [];
  return [`The result is smaller than the source: ${info.width}x${info.height} to ${target.width}x${target.height}.`];
}
