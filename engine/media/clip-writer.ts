import { strict as assert } from "node:assert";
import { rm } from "node:fs/promises";
import { EngineError } from "../errors.ts";
import { filterThreads, framePixelFormat, writingFilters } from "./conversion.ts";
import { type EncodeSpec, encoderParameters, hasAlphaBeside } from "./encoding.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { type FfmpegProcess, feed, ffmpegDied, fileName, spawnFfmpeg } from "./ffmpeg-process.ts";
import type { Frame } from "./frame.ts";
import { nutFrameHeader, nutHeader, rawVideo } from "./nut-writer.ts";
import { pixelFormatOf } from "./pixel-format.ts";
import { flatten, packFrame, viewBytes } from "./pixels.ts";

/**
 * Writes one segment: frames in order of time, then `finish`; or `abort`. Until `finish` has resolved the file is not
 * to be relied on, whatever it looks like.
 */
export interface SegmentWriter {
  /** Resolves when the encoder can take another frame. Frames have the spec's size and rising times. */
  write(frame: Frame): Promise<void>;
  /** Resolves when the segment is whole on disk. */
  finish(): Promise<void>;
  /** Ends the encoder and removes the file. */
  abort(): Promise<void>;
}

/**
 * Opens a segment: a NUT file at `path` (replaced if there) whose first frame has time 0, encoded as `spec` says.
 * Writing rejects with `not_writable`, `disk_full` or `internal`, with ffmpeg's last words.
 */
export function openSegment(ffmpeg: Ffmpeg, path: string, spec: EncodeSpec): SegmentWriter {
  return new FfmpegSegmentWriter(ffmpeg, path, spec);
}

class FfmpegSegmentWriter implements SegmentWriter {
  private readonly ffmpeg: Ffmpeg;
  private readonly path: string;
  private readonly spec: EncodeSpec;
  /** Started by the first frame, which decides how pixels are fed. */
  private started: { process: FfmpegProcess; first: bigint; depth: 8 | 16; alpha: boolean } | null = null;
  private lastTime = -1n;

  constructor(ffmpeg: Ffmpeg, path: string, spec: EncodeSpec) {
    this.ffmpeg = ffmpeg;
    this.path = path;
    this.spec = spec;
  }

  async write(frame: Frame): Promise<void> {
    assert.equal(`${frame.width}×${frame.height}`, `${this.spec.width}×${this.spec.height}`, "frames fit their spec");
    const fitting = pixelFormatOf(this.spec.pixelFormat).alpha ? frame : flatten(frame, 0);
    const started = (this.started ??= this.start(fitting));
    assert.equal(fitting.depth, started.depth, "all frames of a segment have one depth");
    assert.equal(fitting.alpha !== undefined, started.alpha, "all frames of a segment have alpha, or none");
    const time = frame.time - started.first;
    assert.ok(time > this.lastTime, "times rise from frame to frame");
    this.lastTime = time;
    const pixels = viewBytes(packFrame(fitting));
    await this.send(started.process, [nutFrameHeader(time, pixels.length), pixels]);
  }

  async finish(): Promise<void> {
    assert.ok(this.started, "a segment has at least one frame");
    const { process } = this.started;
    process.stdin.end();
    const end = await process.ended;
    if (end.code !== 0) throw this.failure(process, end.signal);
  }

  async abort(): Promise<void> {
    this.started?.process.kill();
    await this.started?.process.ended.catch(() => {});
    await rm(this.path, { force: true });
  }

  private start(first: Frame): NonNullable<FfmpegSegmentWriter["started"]> {
    const { spec, ffmpeg } = this;
    const alpha = first.alpha !== undefined;
    const travel = { depth: first.depth, alpha };
    const { num, den } = spec.timeBase;
    const process = spawnFfmpeg(
      ffmpeg.path,
      [
        ...["-v", "error", "-y", "-protocol_whitelist", "file,pipe", "-f", "nut", "-i", "pipe:0"],
        ...["-map", "0:v:0", ...ffmpeg.passthrough, "-enc_time_base", `${num}:${den}`],
        ...[...filterThreads, "-vf", writingFilters(ffmpeg, travel, spec), ...encoderParameters(spec)],
        // Only NUT's fourth version keeps what stands beside frames, and ffmpeg writes that only when asked like this.
        ...(hasAlphaBeside(spec) ? ["-strict", "experimental", "-syncpoints", "none"] : []),
        ...["-f", "nut", fileName(this.path)],
      ],
      { feeds: true },
    );
    const { width, height, timeBase, sampleAspect, frameRate } = spec;
    const pixelFormat = framePixelFormat(travel);
    process.stdin.write(nutHeader({ ...rawVideo(pixelFormat), width, height, timeBase, sampleAspect, frameRate }));
    return { process, first: first.time, depth: first.depth, alpha };
  }

  private async send(process: FfmpegProcess, parts: readonly Uint8Array[]): Promise<void> {
    if (await feed(process, parts)) return;
    const end = await process.ended;
    throw this.failure(process, end.signal);
  }

  private failure(process: FfmpegProcess, signal: NodeJS.Signals | null): EngineError {
    const lines = process.lastLines();
    if (signal) return ffmpegDied(`it encoded to ${this.path}`, signal, lines);
    const text = lines.join(" | ");
    const full = /no space left|quota exceeded/i.test(text);
    const forbidden = /permission denied|read-only|no such file/i.test(text);
    return new EngineError(full ? "disk_full" : forbidden ? "not_writable" : "internal", {
      what: `Encoding to ${this.path} failed.`,
      why: text ? `ffmpeg says: ${text}` : "ffmpeg gives no reason.",
      todo: full ? "Free some space, then retry the task." : "Check that folder, then retry the task.",
      facts: { path: this.path, lines },
    });
  }
}
