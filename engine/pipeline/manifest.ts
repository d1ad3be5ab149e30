import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../durable-files.ts";
import type { EncodeSpec } from "../media/encoding.ts";
import type { DeviceChoice } from "../onnx/device-choice.ts";

/** Raised when what stands in a manifest changes its meaning: what an older program left is begun anew. */
const VERSION = 3;

/**
 * What of a clip is finished, kept in the task's work folder. Only what stands here counts: an encoder whose feeder
 * died closes its file as if it were complete.
 */
export interface Manifest {
  /** Fixed when the task starts, so that what is resumed gives the same bytes. */
  readonly plan: ClipPlan;
  readonly segments: readonly FinishedSegment[];
  /** Batches that no finished segment holds completely yet, in order and without gaps. */
  readonly batches: readonly KeptBatch[];
}

export interface ClipPlan {
  readonly model: string;
  /** What SeedVR2 computes on, and how. */
  readonly choice?: DeviceChoice;
  readonly encode: EncodeSpec;
  readonly notes: readonly string[];
  /** Output frames in a segment. */
  readonly segmentFrames: number;
  /** Bytes the network may plan with. */
  readonly memory: number;
}

export interface FinishedSegment {
  /** File name in the work folder. */
  readonly file: string;
  readonly frames: number;
  /** Times of the first and last frame in ticks of the plan's time base, as decimal text. */
  readonly firstTime: string;
  readonly lastTime: string;
}

/** A computed batch, stored without loss. */
export interface KeptBatch {
  /** File name in the work folder. */
  readonly file: string;
  /** Index of its first frame in the result. */
  readonly first: number;
  readonly frames: number;
  /** Of each frame, as in segments. */
  readonly times: readonly string[];
}

const pathOf = (workDir: string) => join(workDir, "manifest.json");

export async function readManifest(workDir: string): Promise<Manifest | null> {
  const text = await readFile(pathOf(workDir), "utf8").catch(() => null);
  if (text === null) return null;
  const { version, ...manifest } = JSON.parse(text) as Manifest & { version?: number };
  return version === VERSION ? manifest : null;
}

export async function writeManifest(workDir: string, manifest: Manifest): Promise<void> {
  await writeWhole(pathOf(workDir), JSON.stringify({ version: VERSION, ...manifest }));
}

/** The time of a frame of the result that is finished or kept; undefined where none of both says it. */
export function timeOfFrame({ segments, batches }: Manifest, frame: number): bigint | undefined {
  const last = segments.at(-1);
  if (last && frame === finishedFrames({ segments }) - 1) return BigInt(last.lastTime);
  const batch = batches.find(({ first, frames }) => first <= frame && frame < first + frames);
  const time = batch?.times[frame - batch.first];
  return time === undefined ? undefined : BigInt(time);
}

/** Frames of the result that finished segments hold. */
export function finishedFrames({ segments }: Pick<Manifest, "segments">): number {
  return segments.reduce((sum, segment) => sum + segment.frames, 0);
}
