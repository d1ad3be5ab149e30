import { EngineError, asEngineError } from "../errors.ts";
import { ByteSource } from "./byte-source.ts";
import { type Travel, filterThreads, framePixelFormat, readingFilters } from "./conversion.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { type FfmpegProcess, clockParameters, ffmpegDied, inputParameters, spawnFfmpeg } from "./ffmpeg-process.ts";
import type { Frame } from "./frame.ts";
import type { ClipInfo, FieldOrder } from "./media-info.ts";
import { turningParameters } from "./movie-picture.ts";
import { NutDamage } from "./nut-fields.ts";
import { type NutPacket, NutReader } from "./nut-reader.ts";
import { unpackFrame } from "./pixels.ts";

export interface ReadOptions {
  /** Frames to leave out at the beginning; they are decoded, so that the others are the same as ever. */
  readonly fromFrame?: number | undefined;
  /**
   * The time that an earlier reader gave to the frame of this index in the clip: whatever comes behind it gets the times
   * it would have got there, also where the file gives several frames one time.
   */
  readonly after?: { readonly frame: number; readonly time: bigint } | undefined;
  /** Frames to read at most. */
  readonly limit?: number | undefined;
  /** Bits a channel of the frames; as many as the source needs by default. */
  readonly depth?: 8 | 16 | undefined;
  /** Makes whole frames of fields. */
  readonly deinterlace?: boolean | undefined;
  /** Ends reading with `cancelled`. */
  readonly signal?: AbortSignal | undefined;
  /** Told when ffmpeg begins (true) and ends (false) to owe us a frame. */
  readonly onBusy?: ((busy: boolean) => void) | undefined;
}

/**
 * The frames of a clip, read as they are asked for: upright, full-range RGB, times in ticks of the clip's time base.
 * Iterated once. Lives until the last frame was taken, iteration is left, or `close`.
 */
export interface ClipReader extends AsyncIterable<Frame> {
  /** Frames handed out so far. */
  readonly framesRead: number;
  /** Why fewer frames came than the file should have; complete when iteration has ended. */
  readonly warnings: readonly string[];
  /** What was done to frames that differ from the first, finished sentences; complete when iteration has ended. */
  readonly notes: readonly string[];
  /** Ends ffmpeg; waits until it is gone. */
  close(): Promise<void>;
}

/** Frames decoded before they are asked for, so that decoding goes on while the consumer computes. */
const readAhead = 2;

/**
 * Opens a clip for reading. Damaged input gives the frames that could be read, and warnings; iteration throws
 * `unreadable_media` where there is none, or where a frame has another size than probed.
 */
export function readClip(ffmpeg: Ffmpeg, path: string, info: ClipInfo, options: ReadOptions = {}): ClipReader {
  const parameters = readingParameters(ffmpeg, path, info, options);
  const sizes = new Set<string>();
  const telling = (line: string) => errorIn(line, sizes);
  const process = spawnFfmpeg(ffmpeg.path, parameters, { feeds: false, signal: options.signal, telling });
  return new FfmpegClipReader(process, { path, info, options, sizes });
}

/** The error in a line of ffmpeg's, without its level; notes the sizes that frames come in. */
function errorIn(line: string, sizes: Set<string>): string | null {
  const size = /\[verbose\] w:(\d+) h:(\d+) pixfmt:/.exec(line);
  if (size) sizes.add(`${size[1]}×${size[2]}`);
  // Older releases call damaged Matroska an information.
  const level = /\[(?:error|fatal|panic)\] |(?<=^\[matroska.*)\[info\] (?=.* error$)/;
  return level.test(line) ? line.replace(level, "") : null;
}

function readingParameters(ffmpeg: Ffmpeg, path: string, info: ClipInfo, options: ReadOptions): string[] {
  const { fromFrame = 0, limit } = options;
  const end = limit === undefined ? "" : `:end_frame=${fromFrame + limit}`;
  const part = fromFrame > 0 || limit !== undefined ? [`trim=start_frame=${fromFrame}${end}`] : [];
  const travel = travelOf(info, options);
  // Deinterlacing looks at neighbours, so it comes before frames are left out.
  const whole = options.deinterlace ? [deinterlacer(ffmpeg, info.fields)] : [];
  const { mirroring, crop } = info;
  const converted = readingFilters(ffmpeg, { ...info, ...crop?.coded }, travel);
  // Of RGB any pixels can be taken, of 4:2:0 not.
  const seen = crop ? [`crop=${crop.width}:${crop.height}:${crop.left}:${crop.top}`] : [];
  const filters = [...whole, ...(mirroring ? [mirroring] : []), ...part, converted, ...seen];
  return [
    // Only at this level it tells that frames change their size, which it then undoes.
    ...["-v", "level+verbose", ...clockParameters(info.clockRestarts), ...turningParameters(info.mirroring)],
    ...[...(info.decoder ? ["-c:v", info.decoder] : []), ...inputParameters(path, info.demuxer)],
    ...["-map", "0:V:0", ...ffmpeg.passthrough, "-enc_time_base", `${info.timeBase.num}:${info.timeBase.den}`],
    ...[...filterThreads, "-vf", filters.join(","), "-c:v", "rawvideo", "-pix_fmt", framePixelFormat(travel)],
    ...["-f", "nut", "pipe:1"],
  ];
}

function travelOf(info: ClipInfo, options: ReadOptions): Travel {
  return { depth: options.depth ?? info.depth, alpha: info.alpha };
}

/** One frame out for each frame in; the order of fields is given, because not all frames tell. */
function deinterlacer(ffmpeg: Ffmpeg, fields: FieldOrder): string {
  const name = ffmpeg.filters.has("bwdif") ? "bwdif" : "yadif";
  return `${name}=mode=send_frame:parity=${fields === "bottom first" ? "bff" : "tff"}:deint=all`;
}

interface Reading {
  readonly path: string;
  readonly info: ClipInfo;
  readonly options: ReadOptions;
  /** Sizes that the file's frames were found to have. */
  readonly sizes: ReadonlySet<string>;
}

class FfmpegClipReader implements ClipReader {
  framesRead = 0;
  private readonly found: string[] = [];
  private readonly process: FfmpegProcess;
  private readonly reading: Reading;
  private closed = false;
  private lastTime: bigint | null = null;

  constructor(process: FfmpegProcess, reading: Reading) {
    this.process = process;
    this.reading = reading;
    const { after, fromFrame = 0 } = reading.options;
    if (after && after.frame < fromFrame) this.lastTime = after.time;
  }

  get warnings(): readonly string[] {
    return this.found;
  }

  get notes(): readonly string[] {
    const { info, sizes } = this.reading;
    return [
      ...(sizes.size > 1
        ? [
            `The picture changes its size on the way (${[...sizes].join(", ")}): all frames were brought to the first size.`,
          ]
        : []),
      ...(info.clockRestarts
        ? ["The source's clock jumps back on the way: its parts were put one behind the other."]
        : []),
    ];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frame> {
    const reader = new NutReader(new ByteSource(this.process.stdout));
    const coming: Promise<NutPacket | null>[] = [];
    let last: Promise<unknown> = reader.open();
    try {
      for (;;) {
        while (coming.length <= readAhead) coming.push((last = this.ask(last, reader)) as Promise<NutPacket | null>);
        const packet = await coming.shift();
        if (!packet) break;
        const frame = this.frameOf(packet);
        this.framesRead++;
        yield frame;
      }
      await this.judgeEnd(null);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      await this.judgeEnd(error);
    } finally {
      await this.close();
    }
  }

  /** Reads the next packet once what was asked before has come; a failure reaches whoever awaits it, never nobody. */
  private ask(before: Promise<unknown>, reader: NutReader): Promise<NutPacket | null> {
    const { onBusy } = this.reading.options;
    const next = before.then((packet) => {
      if (packet === null) return null;
      onBusy?.(true);
      return reader.next().finally(() => onBusy?.(false));
    });
    next.catch(() => {});
    return next;
  }

  async close(): Promise<void> {
    if (!this.closed) this.process.kill();
    this.closed = true;
    await this.process.ended.catch(() => {});
  }

  private frameOf(packet: NutPacket): Frame {
    const { info, path, options } = this.reading;
    const { width, height } = packet.stream;
    const travel = travelOf(info, options);
    const bytes = info.width * info.height * (travel.alpha ? 4 : 3) * (travel.depth / 8);
    if (width !== info.width || height !== info.height || packet.data.length !== bytes) {
      throw new EngineError("unreadable_media", {
        what: `Frame ${this.framesRead} of ${path} is ${width}×${height} pixels, not ${info.width}×${info.height}.`,
        why: "Clips whose size changes in between cannot be enlarged.",
        todo: "Convert it to one size first.",
        facts: { path, width, height },
      });
    }
    const from = packet.stream.timeBase;
    const to = info.timeBase;
    // ffmpeg may write a finer base than asked for; it is a multiple, so this division leaves nothing over.
    const told = (packet.time * BigInt(from.num) * BigInt(to.den)) / (BigInt(from.den) * BigInt(to.num));
    // Where the file gives several frames one time, each comes a tick after the other: no container has it otherwise.
    const rising = this.lastTime === null || told > this.lastTime ? told : this.lastTime + 1n;
    const { after, fromFrame = 0 } = options;
    const time = after?.frame === fromFrame + this.framesRead ? after.time : rising;
    this.lastTime = time;
    return { ...unpackFrame(packet.data, { width, height, ...travel }), time };
  }

  /** At the end of the frames: whether that was the end of the clip, and what to say if not. */
  private async judgeEnd(failure: unknown): Promise<void> {
    const { options, path } = this.reading;
    if (options.signal?.aborted) throw new EngineError("cancelled", { what: `Reading ${path} was cancelled.` });
    if (this.closed) return;
    if (failure !== null && !(failure instanceof NutDamage)) throw asEngineError(failure);
    const end = await this.process.ended;
    const lines = this.process.lastLines();
    if (end.signal) throw ffmpegDied(`it read ${path}`, end.signal, lines);
    if (this.framesRead === 0 && (options.fromFrame ?? 0) === 0) {
      throw new EngineError("unreadable_media", {
        what: `No frame of ${path} could be decoded.`,
        why: lines.length > 0 ? `ffmpeg says: ${lines.join(" | ")}` : "ffmpeg gives no reason.",
        todo: "Check whether it plays elsewhere, or make it anew from its source.",
        facts: { path, lines },
      });
    }
    this.found.push(...lines);
    if (end.code !== 0 && lines.length === 0) this.found.push(`ffmpeg ended with code ${end.code}.`);
  }
}
