import { createReadStream } from "node:fs";
import { EngineError } from "../errors.ts";
import { ByteSource } from "./byte-source.ts";
import { type EncodeSpec, hasAlphaBeside } from "./encoding.ts";
import type { TimeBase } from "./frame.ts";
import { NutDamage } from "./nut-fields.ts";
import type { NutStream } from "./nut-headers.ts";
import { readableSideData } from "./nut-side-data.ts";
import { NutReader } from "./nut-reader.ts";
import { nutFrameHeader, nutHeader } from "./nut-writer.ts";

/** A finished segment and the time its first frame has in the source, in ticks of the clip's time base. */
export interface Segment {
  readonly path: string;
  readonly firstTime: bigint;
}

/**
 * The packets of all segments as one NUT stream with times from 0, in pieces. One stream rather than a list of files,
 * because only that has exact times and a decoding order for segments of a single frame too.
 */
export async function* joinedSegments(segments: readonly Segment[], spec: EncodeSpec): AsyncGenerator<Uint8Array> {
  const { timeBase, frameRate } = spec;
  const sideData = hasAlphaBeside(spec);
  const start = segments[0]?.firstTime ?? 0n;
  let first: NutStream | null = null;
  for (const { path, firstTime } of segments) {
    const file = createReadStream(path, { highWaterMark: 1 << 20 });
    try {
      const reader = new NutReader(new ByteSource(file));
      const [stream] = await reader.open();
      if (!stream) throw new NutDamage("it has no video stream");
      if (first) refuseUnequal(first, stream, path);
      else yield nutHeader({ ...(first = stream), frameRate, sideData });
      yield* shiftedPackets(reader, ticksIn(stream.timeBase, firstTime - start, timeBase));
    } catch (error) {
      throw error instanceof NutDamage ? damaged(path, error) : error;
    } finally {
      file.destroy();
    }
  }
}

/** A segment begins with its first frame, whatever time its encoder gave that to have room for decoding times. */
async function* shiftedPackets(reader: NutReader, start: bigint): AsyncGenerator<Uint8Array> {
  let own: bigint | null = null;
  for (;;) {
    const packet = await reader.next();
    if (!packet) return;
    own ??= packet.time;
    const time = packet.time - own + start;
    const data = packet.sideData ? readableSideData(packet.data) : packet.data;
    yield Buffer.concat([nutFrameHeader(time, data.length, packet), data]);
  }
}

/** A time in ticks of another base. NUT writers make bases finer than asked for, never coarser: nothing is left over. */
export function ticksIn(to: TimeBase, time: bigint, from: TimeBase): bigint {
  return (time * BigInt(from.num) * BigInt(to.den)) / (BigInt(from.den) * BigInt(to.num));
}

/** A file describes its codec once: segments that differ there would not decode. */
function refuseUnequal(first: NutStream, stream: NutStream, path: string): void {
  const { num, den } = first.timeBase;
  const sameBase = stream.timeBase.num === num && stream.timeBase.den === den;
  if (sameBase && Buffer.compare(first.codecData, stream.codecData) === 0) return;
  throw new EngineError("internal", {
    what: `The segment ${path} was encoded differently from the first one.`,
    why: "The encoder or its settings changed while the task was under way.",
    todo: "Submit the file again as a new task.",
    facts: { path },
  });
}

function damaged(path: string, cause: NutDamage): EngineError {
  return new EngineError("internal", {
    what: `The segment ${path} is damaged: ${cause.message}.`,
    todo: "Submit the file again as a new task.",
    facts: { path },
    cause,
  });
}
