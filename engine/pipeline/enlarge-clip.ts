import { EngineError } from "../errors.ts";
import { chooseEncoding } from "../media/choose-encoding.ts";
import { readClip, type ClipReader } from "../media/clip-reader.ts";
import { travelDepth } from "../media/conversion.ts";
import type { ClipFormat, VideoCodec } from "../media/encoding.ts";
import type { Frame } from "../media/frame.ts";
import type { ClipInfo } from "../media/media-info.ts";
import type { Batch, Upscaler } from "../upscalers/upscaler.ts";
import { refuseWrongFrame } from "./alarms.ts";
import { assemble } from "./assemble.ts";
import { batchesOf } from "./batches.ts";
import { deviceBudget } from "./memory-budget.ts";
import { withPrepended } from "./prepended-frames.ts";
import type { Job, JobProgress, JobResult } from "./job.ts";
import { finishedFrames, readManifest, timeOfFrame, writeManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { SegmentedOutput } from "./segmented-output.ts";
import { tileSide } from "./tile-side.ts";
import { Trace } from "./trace.ts";

export interface ClipTools {
  readonly upscaler: Upscaler;
  readonly onProgress: (progress: JobProgress) => void;
  readonly onSegment: () => void;
}

/** Shares of the whole that are known to be short; the frames in between are the rest. */
const FRAMES_SHARE = 0.97;

/**
 * Enlarges a clip into `job.partPath`: decodes, computes and encodes at the same time, segment by segment, then joins
 * the segments with what else the source holds and checks the result. Goes on after the last segment or kept batch that
 * an earlier run has finished. Memory does not depend on the clip's length.
 */
export async function enlargeClip(job: Job, info: ClipInfo, tools: ClipTools): Promise<JobResult> {
  const manifest = (await readManifest(job.workDir)) ?? (await newManifest(job, info));
  const trace = new Trace();
  const { output, warnings } = await enlargeFrames(job, info, { ...tools, manifest, trace });
  const summary = trace.summary();
  const frames = finishedFrames(output.manifest);
  tools.onProgress({ share: FRAMES_SHARE, stage: "joining", framesDone: frames, framesTotal: frames });
  const notes = await assemble(job, info, output.manifest);
  return {
    ...job.target,
    frames,
    notes: [...manifest.plan.notes, ...tools.upscaler.notes, ...warnings, ...notes],
    tile: tileSide(job, manifest.plan.memory),
    trace: summary,
  };
}

async function newManifest(job: Job, info: ClipInfo): Promise<Manifest> {
  const { codec, quality, preset, dither, deinterlace } = job.parameters;
  const wish = {
    ...{ container: job.format as ClipFormat, codec: codec as VideoCodec | undefined, quality, preset },
    ...{ dither, deinterlace, encoders: job.ffmpeg.encoders },
  };
  const { spec, notes } = chooseEncoding(info, wish, job.target);
  const plan = {
    ...{ model: job.model.name, encode: spec, notes, segmentFrames: job.segmentFrames },
    memory: deviceBudget(job.choice),
    ...(job.choice && { choice: job.choice }),
  };
  const manifest: Manifest = { plan, segments: [], batches: [] };
  await writeManifest(job.workDir, manifest);
  return manifest;
}

interface Run extends ClipTools {
  readonly manifest: Manifest;
  readonly trace: Trace;
}

interface Enlarged {
  readonly output: SegmentedOutput;
  readonly warnings: readonly string[];
}

/** The frames that are not finished yet, from the source into segments. */
async function enlargeFrames(job: Job, info: ClipInfo, run: Run): Promise<Enlarged> {
  const { upscaler, trace, manifest } = run;
  const output = await resumedOutput(job, run);
  let framesDone = output.frames;
  const { stream, reader } = openStream(job, info, { ...run, output });
  const total = expectedFrames(job, info);
  const report = (share: number, stage: string) => {
    const all = Math.max(total, framesDone);
    run.onProgress({ share: (FRAMES_SHARE * (framesDone + share)) / all, stage, framesDone, framesTotal: all });
  };
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const batch of ahead(batchesOf(stream.frames, upscaler.plan, stream.from), () => writing)) {
      const made = await trace.during("upscale", () =>
        upscaler.upscale(batch, job.target, {
          onProgress: (share, stage) => report(share * batch.owned.count, stage),
          memory: manifest.plan.memory,
        }),
      );
      const missing = Math.max(0, stream.wanted - batch.first - batch.owned.start);
      const frames = made.slice(missing);
      refuseWrongFrames(batch, frames, { skipped: missing, index: framesDone });
      await writing; // at most one batch waits for the encoder
      writing = output.write(frames);
      writing.catch(() => undefined);
      framesDone += frames.length;
      report(0, "upscaling");
    }
    await writing;
    await output.finish();
  } catch (error) {
    await writing.catch(() => undefined); // what was computed before is good, and kept
    await output.abort();
    throw error;
  } finally {
    await reader.close();
  }
  return { output, warnings: [...reader.notes, ...judge(job, reader.warnings, framesDone, total)] };
}

/**
 * The output with all that earlier runs have finished. A SeedVR2 batch takes minutes where the built-in model takes a
 * second: each is kept, so that an interruption costs no more than one.
 */
async function resumedOutput(job: Job, run: Run): Promise<SegmentedOutput> {
  const { ffmpeg, workDir, model } = job;
  const output = new SegmentedOutput({ ...run, ffmpeg, workDir, keepsBatches: model.kind !== "builtin" });
  try {
    await output.restore();
  } catch (error) {
    await output.abort();
    throw error;
  }
  return output;
}

/** Stops a task whose network makes nonsense; `index` is the first frame's in the result, for the message. */
function refuseWrongFrames(
  { frames: sources, owned }: Batch,
  made: readonly Frame[],
  { skipped, index }: { skipped: number; index: number },
): void {
  for (const [i, frame] of made.entries()) {
    refuseWrongFrame(sources[owned.start + skipped + i] as Frame, frame, index + i);
  }
}

/** The source's frames as the upscaler sees them, prepended ones counted. */
interface Stream {
  readonly frames: AsyncIterable<Frame>;
  /** Where in it the frames begin, and the first batch. */
  readonly from: { readonly first: number; readonly owned: number };
  /** First frame that is not finished yet. */
  readonly wanted: number;
}

/** Starts reading at the batch that owns the first unfinished frame, with its context: so its pixels are the same. */
function openStream(
  job: Job,
  info: ClipInfo,
  { output, trace, manifest, upscaler: { plan } }: Run & { output: SegmentedOutput },
): { stream: Stream; reader: ClipReader } {
  const { preview_frames: limit, prepend_frames: inFront = 0 } = job.parameters;
  const wanted = output.frames + inFront;
  const owned = Math.floor(wanted / plan.owned) * plan.owned;
  const start = Math.max(0, owned - plan.before);
  const prepends = inFront > 0 && start <= inFront;
  const fromFrame = prepends ? 0 : start - inFront;
  const last = output.frames - 1;
  const time = timeOfFrame(output.manifest, last);
  const reader = readClip(job.ffmpeg, job.inputPath, info, {
    fromFrame,
    after: time === undefined ? undefined : { frame: last, time },
    limit: limit ? Math.max(0, limit - fromFrame) : undefined,
    depth: travelDepth(info, manifest.plan.encode),
    deinterlace: job.parameters.deinterlace,
    onBusy: (busy) => (busy ? trace.begin("decode") : trace.end("decode")),
  });
  const frames = prepends ? withPrepended(reader, inFront) : reader;
  return { reader, stream: { frames, wanted, from: { first: prepends ? 0 : start, owned } } };
}

/**
 * The same values, the next one being fetched while one is worked on, but after what `first` says: encoder and decoder
 * both have the time of a batch, and one after the other they take less from the network than both at once.
 */
async function* ahead<T>(values: AsyncGenerator<T>, first: () => Promise<unknown>): AsyncGenerator<T> {
  let next = values.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      const fetch = () => values.next();
      next = first().then(fetch, fetch); // whoever waits for `first` reports its failure
      next.catch(() => undefined); // reported when it is awaited
      yield value;
    }
  } finally {
    await values.return(undefined).catch(() => undefined);
  }
}

/** What the source is believed to hold of what was asked for. */
function expectedFrames(job: Job, info: ClipInfo): number {
  return Math.min(job.parameters.preview_frames || info.frames, info.frames);
}

/** Warnings of a source that could not be read to its end; an error where the task asked for that. */
function judge(job: Job, warnings: readonly string[], frames: number, expected: number): readonly string[] {
  if (!warnings.length) return [];
  const what = `The source is damaged: ${frames} of about ${expected} frames could be read.`;
  const why = `ffmpeg says: ${warnings.join(" | ")}`;
  if (job.parameters.strict) {
    throw new EngineError("unreadable_media", { what, why, todo: "Leave strict out to get these." });
  }
  return [`${what} ${why}`];
}
