import type { TimeBase } from "./frame.ts";
import type { Ratio } from "./media-info.ts";
import { fileStart, fourCharacterCodes, frameFlags, longPacket, nutChecksum, startCodes } from "./nut-format.ts";

/** A video stream as its header describes it. */
export interface NutVideo {
  readonly fourCharacterCode: Uint8Array;
  readonly codecData: Uint8Array;
  readonly decodeDelay: number;
  readonly width: number;
  readonly height: number;
  readonly timeBase: TimeBase;
  readonly sampleAspect: Ratio;
  /** Average frames a second. */
  readonly frameRate: number;
  /** Whether frames may have data beside them. */
  readonly sideData?: boolean;
}

/** What describes raw pixels of a format. */
export function rawVideo(
  pixelFormat: keyof typeof fourCharacterCodes,
): Pick<NutVideo, "fourCharacterCode" | "codecData" | "decodeDelay"> {
  const fourCharacterCode = Buffer.from(fourCharacterCodes[pixelFormat], "latin1");
  return { fourCharacterCode, codecData: new Uint8Array(0), decodeDelay: 0 };
}

/** The bytes a NUT file of one video stream begins with. */
export function nutHeader(video: NutVideo): Buffer {
  return Buffer.concat([
    Buffer.from(fileStart, "latin1"),
    packet(startCodes.main, mainHeader(video)),
    packet(startCodes.stream, streamHeader(video)),
    packet(startCodes.info, frameRateInfo(video.frameRate)),
  ]);
}

/** What stands before a frame's `size` bytes; `time` is in ticks of the stream's time base, from 0 up. */
export function nutFrameHeader(time: bigint, size: number, { key, sideData } = { key: true, sideData: false }): Buffer {
  const own = (key ? frameFlags.key : 0) | (sideData ? frameFlags.sideData : 0);
  const flags = own | frameFlags.codedTime | frameFlags.sizeHigh | frameFlags.checksum;
  // Times are coded in full: one is added because smaller numbers would mean "relative" (there are none with shift 0).
  const head = Buffer.concat([Buffer.from([0]), nutNumber(flags), nutNumber(time + 1n), nutNumber(size)]);
  const syncPoint = packet(startCodes.syncPoint, Buffer.concat([nutNumber(time), nutNumber(0)]));
  return Buffer.concat([syncPoint, head, checksumOf(head)]);
}

function mainHeader({ timeBase, sideData }: NutVideo): Buffer {
  const everyFrameAlike = [frameFlags.coded, 6, 0, 1, 0, 0, 0, 255];
  const version = sideData ? [4, 0] : [3];
  const fields = [...version, 1, 65536, 1, timeBase.num, timeBase.den, ...everyFrameAlike, 0];
  return Buffer.concat(fields.map(nutNumber));
}

function streamHeader(video: NutVideo): Buffer {
  const { fourCharacterCode, codecData, decodeDelay, width, height, sampleAspect } = video;
  return Buffer.concat([
    ...[0, 0, fourCharacterCode.length].map(nutNumber),
    fourCharacterCode,
    // Time base, shift of short times (none), longest distance of times, delay, flags.
    ...[0, 0, 65536, decodeDelay, 0, codecData.length].map(nutNumber),
    codecData,
    ...[width, height, sampleAspect.num, sampleAspect.den, 0].map(nutNumber),
  ]);
}

/**
 * Tells ffmpeg the frame rate, which it would else guess from the first frames. It is how long ffmpeg takes a frame to
 * be, from which the decoding times of the first frames follow; without it MP4 loses the last frames.
 */
function frameRateInfo(frameRate: number): Buffer {
  // Stream (plus 1), chapter, its start and length, how many entries; then name, type (2 is "text", folded), value.
  const fields = Buffer.concat([1, 0, 0, 0, 1].map(nutNumber));
  return Buffer.concat([
    fields,
    nutText("r_frame_rate"),
    nutNumber(2),
    nutText(`${Math.max(1, Math.round(frameRate * 1000))}/1000`),
  ]);
}

function packet(startCode: bigint, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeBigUInt64BE(startCode);
  const start = Buffer.concat([head, nutNumber(payload.length + 4)]);
  const own = payload.length + 4 > longPacket ? checksumOf(start) : Buffer.alloc(0);
  return Buffer.concat([start, own, payload, checksumOf(payload)]);
}

function checksumOf(bytes: Uint8Array): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(nutChecksum(bytes));
  return checksum;
}

/** Bytes with their number in front. */
export function nutText(value: string): Buffer {
  return Buffer.concat([nutNumber(value.length), Buffer.from(value, "latin1")]);
}

/** A number in base 128, most significant digit first; the high bit says that more follow. */
export function nutNumber(value: number | bigint): Buffer {
  const digits: number[] = [];
  let rest = BigInt(value);
  do {
    digits.unshift(Number(rest & 127n) | (digits.length > 0 ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(digits);
}
