import { createInterface } from "node:readline";
import type { FfmpegProcess } from "./ffmpeg-process.ts";
import type { TimeBase } from "./frame.ts";

/** A stream's packets or frames in sum. */
export interface PacketTable {
  readonly timeBase: TimeBase | null;
  /** Those an edit list cuts off are not counted. */
  readonly count: number;
  /** From the first to the end of the last, in ticks. */
  readonly duration: number;
  /** Packets that bear the decoding time of the one before: ffmpeg gives it to those whose own would step back. */
  readonly stalls: number;
  /** From the first to the last, in ticks. */
  readonly span: number;
}

/** A table that is being added up. */
interface Sums {
  timeBase: TimeBase | null;
  count: number;
  stalls: number;
  first: number;
  last: number;
  end: number;
  lastDecoded: number;
}

/** ffmpeg's mark of packets that are decoded but not shown. */
const discarded = 4;

/**
 * Sums up what `-f framecrc` prints for one stream, line by line, so that length costs no memory: `#tb 0: num/den`,
 * then `stream, dts, pts, duration, size, checksum[, F=flags]`. Kills the process where it is silent for
 * `silence` milliseconds.
 */
export async function readPacketTable(process: FfmpegProcess, silence?: number): Promise<PacketTable> {
  const table: Sums = {
    timeBase: null,
    count: 0,
    stalls: 0,
    first: Infinity,
    last: -Infinity,
    end: -Infinity,
    lastDecoded: NaN,
  };
  const timer = silence === undefined ? null : setTimeout(process.kill, silence);
  const lines = createInterface({ input: process.stdout });
  try {
    for await (const line of lines) {
      timer?.refresh();
      addLine(table, line);
    }
  } finally {
    if (timer) clearTimeout(timer);
  }
  const { timeBase, count, stalls, first, last, end } = table;
  return { timeBase, count, stalls, duration: count ? end - first : 0, span: count ? last - first : 0 };
}

function addLine(table: Sums, line: string): void {
  const base = /^#tb 0: (\d+)\/(\d+)/.exec(line);
  if (base) table.timeBase = { num: Number(base[1]), den: Number(base[2]) };
  if (line.startsWith("#")) return;
  const [, decoded, time, duration] = line.split(",").map(Number);
  const flags = /, F=0x([0-9A-F]+)/.exec(line)?.[1];
  if (decoded === undefined || time === undefined || duration === undefined) return;
  const shown = Number.isNaN(time) ? decoded : time; // some containers tell when to decode only
  if (flags && parseInt(flags, 16) & discarded) return;
  table.count++;
  if (decoded === table.lastDecoded) table.stalls++;
  table.lastDecoded = decoded;
  table.first = Math.min(table.first, shown);
  table.last = Math.max(table.last, shown);
  table.end = Math.max(table.end, shown + duration);
}
