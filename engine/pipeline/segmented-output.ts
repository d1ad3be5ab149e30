import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { openSegment } from "../media/clip-writer.ts";
import type { SegmentWriter } from "../media/clip-writer.ts";
import type { Ffmpeg } from "../media/ffmpeg.ts";
import type { Frame } from "../media/frame.ts";
import { keepBatch, keptFrames } from "./kept-batches.ts";
import { finishedFrames, writeManifest } from "./manifest.ts";
import type { FinishedSegment, KeptBatch, Manifest } from "./manifest.ts";
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
 * Writes frames as segments cut at fixed frame indices. A segment that is full is finished while the next one is
 * begun, and stands in the manifest once it is whole on disk.
 */
export class SegmentedOutput {
  manifest: Manifest;
  private readonly parts: OutputParts;
  private open: OpenSegment | null = null;
  private finishing: Promise<void> = Promise.resolve();
  private saving: Promise<void> = Promise.resolve();
  private count = 0;
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
    await this.save((manifest) => ({ ...manifest, batches: manifest.batches.filter(({ first }) => first < known) }));
  }

  /** Writes the frames of a batch, in order behind those before. */
  async write(frames: readonly Frame[]): Promise<void> {
    if (this.parts.keepsBatches) await this.keep(frames);
    for (const frame of frames) await this.encode(frame);
  }

  /** Closes the last segment; resolves when all are whole and in the manifest. */
  async finish(): Promise<void> {
    await this.close();
    await this.finishing;
  }

  /** Ends the encoders; finished segments stay. */
  async abort(): Promise<void> {
    await this.open?.writer.abort();
    await this.finishing.catch(() => undefined);
  }

  private async keep(frames: readonly Frame[]): Promise<void> {
    const { ffmpeg, workDir, trace, onSegment } = this.parts;
    const place = { ffmpeg, workDir, encode: this.manifest.plan.encode };
    const batch = await trace.during("encode", () => keepBatch(place, frames, this.next));
    if (!batch) return;
    await syncFile(join(workDir, batch.file));
    await this.save((manifest) => ({ ...manifest, batches: [...manifest.batches, batch] }));
    onSegment();
  }

  private async encode(frame: Frame): Promise<void> {
    const open = (this.open ??= this.begin(frame));
    await this.parts.trace.during("encode", () => open.writer.write(frame));
    this.next += 1;
    open.frames += 1;
    open.lastTime = frame.time;
    if (open.frames === this.manifest.plan.segmentFrames) await this.close();
  }

  private begin(frame: Frame): OpenSegment {
    // A name no earlier run has used: its encoder may still be closing its file.
    const file = `segment-${this.manifest.segments.length + this.count}-${process.pid}-${Date.now().toString(36)}.nut`;
    const { ffmpeg, workDir } = this.parts;
    const writer = openSegment(ffmpeg, join(workDir, file), this.manifest.plan.encode);
    return { file, writer, firstTime: frame.time, lastTime: frame.time, frames: 0 };
  }

  private async close(): Promise<void> {
    const { open } = this;
    if (!open) return;
    this.open = null;
    this.count += 1;
    try {
      await this.finishing; // one at a time, so that the manifest keeps their order
    } catch (error) {
      await open.writer.abort();
      throw error;
    }
    this.finishing = this.parts.trace.during("encode", () => this.settle(open));
    this.finishing.catch(() => undefined); // reported by the next close or by finish
  }

  private async settle(open: OpenSegment): Promise<void> {
    const { workDir, onSegment } = this.parts;
    await open.writer.finish();
    await syncFile(join(workDir, open.file));
    const segment: FinishedSegment = {
      file: open.file,
      frames: open.frames,
      firstTime: String(open.firstTime),
      lastTime: String(open.lastTime),
    };
    this.count -= 1;
    let obsolete: readonly KeptBatch[] = [];
    await this.save((manifest) => {
      const segments = [...manifest.segments, segment];
      const isHeld = ({ first, frames }: KeptBatch) => first + frames <= finishedFrames({ segments });
      obsolete = manifest.batches.filter(isHeld);
      return { ...manifest, segments, batches: manifest.batches.filter((batch) => !isHeld(batch)) };
    });
    for (const { file } of obsolete) await rm(join(workDir, file), { force: true });
    onSegment();
  }

  /** Changes the manifest, one change after the other: a segment may end while a batch is being kept. */
  private save(change: (manifest: Manifest) => Manifest): Promise<void> {
    const saved = this.saving.then(async () => {
      this.manifest = change(this.manifest);
      await writeManifest(this.parts.workDir, this.manifest);
    });
    this.saving = saved.catch(() => undefined);
    return saved;
  }
}

/** Waits until a file that another process wrote is on disk: the manifest must not promise what a power cut takes. */
async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
