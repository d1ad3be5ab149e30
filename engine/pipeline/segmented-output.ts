import { rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFile } from "../durable-files.ts";
import { openSegment } from "../media/clip-writer.ts";
import type { SegmentWriter } from "../media/clip-writer.ts";
import type { Ffmpeg } from "../media/ffmpeg.ts";
import type { Frame } from "../media/frame.ts";
import { keepBatch, keptFrames } from "./kept-batches.ts";
import { finishedFrames, writeManifest } from "./manifest.ts";
import type { KeptBatch, Manifest } from "./manifest.ts";
import type { Trace } from "./trace.ts";

interface OpenSegment {
  readonly file: string;
  readonly writer: SegmentWriter;
  readonly firstTime: bigint;
  lastTime: bigint;
  frames: number;
}

export interface OutputParts {
  readonly ffmpeg: Ffmpeg;
  readonly workDir: string;
  /** What is finished already; grows with each segment. */
  readonly manifest: Manifest;
  readonly trace: Trace;
  /** Whether each batch is kept until its segment is finished, because computing it takes long. */
  readonly keepsBatches: boolean;
  /** Told when a segment or kept batch is whole: it will not be computed again. */
  readonly onSegment: () => void;
}

/**
 * Writes frames as segments cut at fixed frame indices. A segment that is full stands in the manifest once it is whole
 * on disk, and only then is the next one begun: two encoders at a time would take twice the memory.
 */
export class SegmentedOutput {
  manifest: Manifest;
  private readonly parts: OutputParts;
  private open: OpenSegment | null = null;
  /** Index in the result of the next frame. */
  private next: number;

  constructor(parts: OutputParts) {
    this.parts = parts;
    this.manifest = parts.manifest;
    this.next = finishedFrames(parts.manifest);
  }

  /** Frames of the result that are there: none of them has to be computed. */
  get frames(): number {
    return this.next;
  }

  /** Writes what earlier runs have computed beyond the last finished segment. */
  async restore(): Promise<void> {
    const { ffmpeg, workDir } = this.parts;
    const { encode } = this.manifest.plan;
    for await (const frame of keptFrames({ ffmpeg, workDir, encode }, this.manifest)) await this.encode(frame);
    const known = this.next;
    // What could not be read would stand in the way of what is computed in its place.
    await this.save({ batches: this.manifest.batches.filter(({ first }) => first < known) });
  }

  /** Writes the frames of a batch, in order behind those before. */
  async write(frames: readonly Frame[]): Promise<void> {
    if (this.parts.keepsBatches) await this.keep(frames);
    for (const frame of frames) await this.encode(frame);
  }

  /** Closes the last segment; resolves when all are whole and in the manifest. */
  async finish(): Promise<void> {
    if (this.open) await this.close(this.open);
  }

  /** Ends the encoder; finished segments stay. */
  async abort(): Promise<void> {
    await this.open?.writer.abort();
  }

  private async keep(frames: readonly Frame[]): Promise<void> {
    const { ffmpeg, workDir, trace, onSegment } = this.parts;
    const place = { ffmpeg, workDir, encode: this.manifest.plan.encode };
    const batch = await trace.during("encode", () => keepBatch(place, frames, this.next));
    if (!batch) return;
    await syncFile(join(workDir, batch.file));
    await this.save({ batches: [...this.manifest.batches, batch] });
    onSegment();
  }

  private async encode(frame: Frame): Promise<void> {
    const open = (this.open ??= this.begin(frame));
    await this.parts.trace.during("encode", () => open.writer.write(frame));
    this.next += 1;
    open.frames += 1;
    open.lastTime = frame.time;
    if (open.frames === this.manifest.plan.segmentFrames) await this.close(open);
  }

  private begin(frame: Frame): OpenSegment {
    // A name no earlier run has used: its encoder may still be closing its file.
    const file = `segment-${this.manifest.segments.length}-${process.pid}-${Date.now().toString(36)}.nut`;
    const { ffmpeg, workDir } = this.parts;
    const writer = openSegment(ffmpeg, join(workDir, file), this.manifest.plan.encode);
    return { file, writer, firstTime: frame.time, lastTime: frame.time, frames: 0 };
  }

  private async close(full: OpenSegment): Promise<void> {
    const { workDir, trace, onSegment } = this.parts;
    const { file, writer, frames, firstTime, lastTime } = full;
    await trace.during("encode", async () => {
      await writer.finish();
      await syncFile(join(workDir, file));
    });
    this.open = null;
    const segments = [
      ...this.manifest.segments,
      { file, frames, firstTime: String(firstTime), lastTime: String(lastTime) },
    ];
    const isHeld = ({ first, frames: count }: KeptBatch) => first + count <= finishedFrames({ segments });
    const { batches } = this.manifest;
    await this.save({ segments, batches: batches.filter((batch) => !isHeld(batch)) });
    for (const obsolete of batches.filter(isHeld)) await rm(join(workDir, obsolete.file), { force: true });
    onSegment();
  }

  private async save(change: Partial<Manifest>): Promise<void> {
    this.manifest = { ...this.manifest, ...change };
    await writeManifest(this.parts.workDir, this.manifest);
  }
}
