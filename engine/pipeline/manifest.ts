import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EncodeSpec } from "../media/encoding.ts";

/**
 * What of a clip is finished, kept in the task's work folder. Only what stands here counts: an encoder whose feeder
 * died closes its file as if it were complete.
 */
export interface Manifest {
  /** Fixed when the task starts, so that what is resumed gives the same bytes. */
  readonly plan: ClipPlan;
  readonly segments: readonly FinishedSegment[];
}

export interface ClipPlan {
  readonly model: string;
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

const pathOf = (workDir: string) => join(workDir, "manifest.json");

export async function readManifest(workDir: string): Promise<Manifest | null> {
  const text = await readFile(pathOf(workDir), "utf8").catch(() => null);
  return text === null ? null : (JSON.parse(text) as Manifest);
}

/** Written whole or not at all. */
export async function writeManifest(workDir: string, manifest: Manifest): Promise<void> {
  const temporary = `${pathOf(workDir)}.new`;
  await writeFile(temporary, JSON.stringify(manifest));
  await rename(temporary, pathOf(workDir));
}

/** Frames that need not be computed again. */
export function finishedFrames(manifest: Manifest): number {
  return manifest.segments.reduce((sum, segment) => sum + segment.frames, 0);
}
