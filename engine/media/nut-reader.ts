import type { ByteSource } from "./byte-source.ts";
import type { TimeBase } from "./frame.ts";
import { NutDamage, checkedPayload, safeNumber } from "./nut-fields.ts";
import { fileStart, frameFlags, longPacket, startCodes } from "./nut-format.ts";
import { type FrameCode, type NutMain, type NutStream, readMain, readStream } from "./nut-headers.ts";

export interface NutPacket {
  readonly stream: NutStream;
  /** In ticks of the stream's time base. */
  readonly time: bigint;
  /** Whether decoding can begin here. */
  readonly key: boolean;
  /** Whether `data` begins with what stands beside the frame. */
  readonly sideData: boolean;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Frames larger than this are damage (8192 × 8192 pixels of 8 bytes are half of it). */
const maxFrameBytes = 2 ** 30;

/**
 * Reads a NUT file of any writer from a stream of bytes: headers first, then frames one at a time. Throws NutDamage
 * where the bytes are no NUT or end within something.
 */
export class NutReader {
  private readonly source: ByteSource;
  private main: NutMain | null = null;
  private readonly streams = new Map<number, NutStream>();
  private readonly lastTimes = new Map<number, bigint>();
  /** First byte of the first frame, read while looking for the end of the headers. */
  private ahead: number | null = null;

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** Reads up to the first frame; the streams there are, none where the file is empty. */
  async open(): Promise<readonly NutStream[]> {
    const start = await this.source.take(fileStart.length);
    if (start.length === 0) return [];
    if (Buffer.from(start).toString("latin1") !== fileStart) throw new NutDamage("it does not begin as NUT does");
    this.ahead = await this.skipPackets();
    return [...this.streams.values()];
  }

  /** The next frame, or null at the end. */
  async next(): Promise<NutPacket | null> {
    const code = this.ahead ?? (await this.skipPackets());
    this.ahead = null;
    if (code === null) return null;
    const entry = this.main?.codes[code];
    if (!entry || entry.flags & frameFlags.invalid) throw new NutDamage("a frame has no valid code");
    return this.frame(entry);
  }

  /** Reads packets until a frame begins; its code, or null at the end. */
  private async skipPackets(): Promise<number | null> {
    for (;;) {
      const first = await this.source.byte();
      if (first !== 0x4e) return first;
      const rest = await this.exactly(7);
      await this.packet(Buffer.concat([Buffer.from([first]), rest]).readBigUInt64BE());
    }
  }

  private async packet(startCode: bigint): Promise<void> {
    const length = await this.number();
    if (length > maxFrameBytes) throw new NutDamage("a packet is too large");
    if (length > longPacket) await this.exactly(4);
    const payload = await this.exactly(length);
    if (startCode === startCodes.main) {
      this.main = readMain(checkedPayload(payload));
    } else if (startCode === startCodes.stream && this.main) {
      const stream = readStream(checkedPayload(payload), this.main);
      this.streams.set(stream.id, stream);
    } else if (startCode === startCodes.syncPoint && this.main) {
      this.resetTimes(checkedPayload(payload).big(), this.main.timeBases);
    }
    // Others (index, title and the like) have nothing we need.
  }

  /** A sync point gives the time that the next frames of every stream count from. */
  private resetTimes(coded: bigint, timeBases: readonly TimeBase[]): void {
    const count = BigInt(timeBases.length);
    const base = timeBases[Number(coded % count)];
    if (!base) throw new NutDamage("a sync point has no time base");
    for (const { id, timeBase } of this.streams.values()) {
      this.lastTimes.set(id, rescaleDown(coded / count, base, timeBase));
    }
  }

  private async frame(entry: FrameCode): Promise<NutPacket> {
    let flags = entry.flags;
    if (flags & frameFlags.coded) flags ^= await this.number();
    const stream = this.streams.get(flags & frameFlags.streamId ? await this.number() : entry.stream);
    if (!stream) throw new NutDamage("a frame belongs to no stream");
    const time = await this.time(stream, flags & frameFlags.codedTime ? null : entry.timeStep);
    const sizeHigh = flags & frameFlags.sizeHigh ? await this.number() : 0;
    if (flags & frameFlags.matchTime) await this.number();
    const header = flags & frameFlags.headerIndex ? await this.number() : entry.header;
    const reserved = flags & frameFlags.reserved ? await this.number() : entry.reserved;
    for (let index = 0; index < reserved; index++) await this.number();
    if (flags & frameFlags.checksum) await this.exactly(4);
    const size = entry.sizeLow + entry.sizeFactor * sizeHigh;
    const sideData = (flags & frameFlags.sideData) !== 0;
    return {
      stream,
      time,
      key: (flags & frameFlags.key) !== 0,
      sideData,
      data: await this.data(size, header, sideData),
    };
  }

  private async data(size: number, header: number, sideData: boolean): Promise<Uint8Array<ArrayBuffer>> {
    if (size > maxFrameBytes) throw new NutDamage("a frame is too large");
    if (sideData && this.main?.headers[header]?.length) {
      throw new NutDamage("a frame's beginning is left out behind what stands beside it, which no codec used here has");
    }
    // Frames too long to gain from it never leave their beginning out.
    const prefix = size > longPacket ? undefined : this.main?.headers[header];
    if (!prefix || prefix.length === 0) return this.exactly(size);
    const rest = await this.exactly(Math.max(0, size - prefix.length));
    const whole = new Uint8Array(prefix.length + rest.length);
    whole.set(prefix);
    whole.set(rest, prefix.length);
    return whole;
  }

  /** A frame's time: a step from the one before it, only its lowest bits, or all of it. */
  private async time(stream: NutStream, step: number | null): Promise<bigint> {
    const last = this.lastTimes.get(stream.id) ?? 0n;
    const time = step === null ? fullTime(await this.big(), last, BigInt(stream.timeShift)) : last + BigInt(step);
    this.lastTimes.set(stream.id, time);
    return time;
  }

  private async exactly(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.source.take(count);
    if (bytes.length < count) throw new NutDamage("it ends in the middle of a frame");
    return bytes;
  }

  private async big(): Promise<bigint> {
    let value = 0n;
    for (;;) {
      const byte = await this.source.byte();
      if (byte === null) throw new NutDamage("it ends in the middle of a number");
      value = (value << 7n) | BigInt(byte & 127);
      if (byte < 128) return value;
    }
  }

  private async number(): Promise<number> {
    return safeNumber(await this.big());
  }
}

/** NUT's lsb2full: the time nearest after `last` − half a range that has these lowest bits. */
function fullTime(coded: bigint, last: bigint, shift: bigint): bigint {
  const range = 1n << shift;
  if (coded >= range) return coded - range;
  const mask = range - 1n;
  const delta = last - mask / 2n;
  return ((coded - delta) & mask) + delta;
}

/** Ticks of one base in another, rounded down, as the format has it. */
function rescaleDown(time: bigint, from: TimeBase, to: TimeBase): bigint {
  return (time * BigInt(from.num) * BigInt(to.den)) / (BigInt(from.den) * BigInt(to.num));
}
