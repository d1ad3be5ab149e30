import { join } from "node:path";
import { openSegment } from "../media/clip-writer.ts";
import type { SegmentWriter } from "../media/clip-writer.ts";
import type { Ffmpeg } from "../media/ffmpeg.ts";
import type { Frame } from "../media/frame.ts";
import { writeManifest } from "./manifest.ts";
import type { FinishedSegment, Manifest } from "./manifest.ts";
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
  private count = 0;

  constructor(parts: OutputParts) {
    this.parts = parts;
    this.manifest = parts.manifest;
  }

  async write(frames: readonly Frame[]): Promise<void> {
    for (const frame of frames) {
      const open = (this.open ??= this.begin(frame));
      await this.parts.trace.during("encode", () => open.writer.write(frame));
      open.frames += 1;
      open.lastTime = frame.time;
      if (open.frames === this.manifest.plan.segmentFrames) await this.close();
    }
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
    await this.finishing; // one at a time, so that the manifest keeps their order
    this.finishing = this.parts.trace.during("encode", () => this.settle(open));
    this.finishing.catch(() => undefined); // reported by the next close or by finish
  }

  private async settle(open: OpenSegment): Promise<void> {
    await open.writer.finish();
    const segment: FinishedSegment = {
      file: open.file,
      frames: open.frames,
      firstTime: String(open.firstTime),
      lastTime: String(open.lastTime),
    };
    this.count -= 1;
    this.manifest = { ...this.manifest, segments: [...this.manifest.segments, segment] };
    await writeManifest(this.parts.workDir, this.manifest);
    this.parts.onSegment();
  }
}
