import { join } from "node:path";
import { readClip } from "../media/clip-reader.ts";
import { openSegment } from "../media/clip-writer.ts";
import type { EncodeSpec } from "../media/encoding.ts";
import type { Ffmpeg } from "../media/ffmpeg.ts";
import type { Frame } from "../media/frame.ts";
import { probeMedia } from "../media/probe.ts";
import { finishedFrames } from "./manifest.ts";
import type { KeptBatch, Manifest } from "./manifest.ts";

/**
 * Batches of a slow network, kept as lossless FFV1 beside the segment that is being written: they are what an
 * interrupted task has not to compute again, while segments stay long enough to be encoded well.
 */

/** How a batch is stored whatever the result will be: all its pixels, its times, its alpha. */
function losslessSpec(spec: EncodeSpec, { depth, alpha }: Frame): EncodeSpec {
  const deep = alpha ? "rgba64le" : "rgb48le";
  return {
    ...spec,
    ...{ codec: "ffv1", encoder: "ffv1", quality: null, preset: null },
    pixelFormat: depth === 16 ? deep : alpha ? "bgra" : "bgr0",
    colour: { ...spec.colour, matrix: "gbr", range: "full" },
  };
}

export interface BatchPlace {
  readonly ffmpeg: Ffmpeg;
  readonly workDir: string;
  /** The result's encoding, of which size and times count. */
  readonly encode: EncodeSpec;
}

/** Stores a batch whose first frame is the result's frame `first`; resolves when it is whole on disk. */
export async function keepBatch(place: BatchPlace, frames: readonly Frame[], first: number): Promise<KeptBatch | null> {
  const [head] = frames;
  if (!head) return null;
  // A name no earlier run has used: its encoder may still be closing its file.
  const file = `batch-${first}-${process.pid}-${Date.now().toString(36)}.nut`;
  const writer = openSegment(place.ffmpeg, join(place.workDir, file), losslessSpec(place.encode, head));
  try {
    for (const frame of frames) await writer.write(frame);
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return { file, first, frames: frames.length, times: frames.map(({ time }) => String(time)) };
}

/**
 * The frames behind the last finished segment that earlier runs have computed, as they were. Ends early where a file
 * is gone or damaged: from there on frames have to be computed.
 */
export async function* keptFrames(place: BatchPlace, manifest: Manifest): AsyncGenerator<Frame> {
  let next = finishedFrames(manifest);
  for (const batch of manifest.batches) {
    if (batch.first > next) return;
    const behind = batch.first + batch.frames;
    for await (const frame of batchFrames(place, batch, next - batch.first)) {
      yield frame;
      next += 1;
    }
    if (next < behind) return;
  }
}

async function* batchFrames(place: BatchPlace, batch: KeptBatch, fromFrame: number): AsyncGenerator<Frame> {
  const path = join(place.workDir, batch.file);
  const info = await probeMedia(place.ffmpeg, path).catch(() => null);
  if (info?.kind !== "clip" || fromFrame >= batch.frames) return;
  const reader = readClip(place.ffmpeg, path, info, { fromFrame });
  const times = batch.times.slice(fromFrame).values();
  for await (const frame of reader) {
    const { value } = times.next();
    if (value === undefined) return; // more frames than were stored
    yield { ...frame, time: BigInt(value) };
  }
}
