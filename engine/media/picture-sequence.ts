import { createReadStream } from "node:fs";
import { mkdir, open, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ByteSource } from "./byte-source.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { feed, ffmpegDied, spawnFfmpeg } from "./ffmpeg-process.ts";
import type { TimeBase } from "./frame.ts";
import { NutReader } from "./nut-reader.ts";
import { readPacketTable } from "./packets.ts";
import { type Segment, ticksIn } from "./segments.ts";
import type { FrameCount } from "./verify.ts";

/** When each picture is shown: milliseconds, a line each, in the form mkvmerge and x264 read ("timestamp format v2"). */
const TIMES = "timestamps.txt";
const pictureName = (index: number) => `frame_${String(index + 1).padStart(6, "0")}.png`;

/** Whether a file of this name may be part of a sequence that we have written. */
export function isSequencePart(name: string): boolean {
  return name === TIMES || /^frame_\d{6,}\.png$/.test(name);
}

export interface SequenceRequest {
  /** In order, each of PNG pictures in NUT. */
  readonly segments: readonly Segment[];
  /** Folder to make; it must not be there. */
  readonly output: string;
  readonly timeBase: TimeBase;
}

/**
 * Writes the pictures of segments into a folder, one file each, with a list of their times from 0. A packet of the
 * segments is a whole PNG file.
 */
export async function writeSequence({ segments, output, timeBase }: SequenceRequest): Promise<void> {
  await mkdir(output, { recursive: true });
  const times = await open(join(output, TIMES), "w");
  try {
    await times.write("# timestamp format v2\n");
    let index = 0;
    for await (const { data, seconds } of picturesOf(segments, timeBase)) {
      await writeFile(join(output, pictureName(index++)), data);
      await times.write(`${(seconds * 1000).toFixed(3)}\n`);
    }
  } finally {
    await times.close();
  }
}

async function* picturesOf(
  segments: readonly Segment[],
  timeBase: TimeBase,
): AsyncGenerator<{ data: Uint8Array; seconds: number }> {
  const start = segments[0]?.firstTime ?? 0n;
  for (const { path, firstTime } of segments) {
    const file = createReadStream(path, { highWaterMark: 1 << 20 });
    try {
      const reader = new NutReader(new ByteSource(file));
      await reader.open();
      for (let packet = await reader.next(); packet; packet = await reader.next()) {
        const base = packet.stream.timeBase;
        const time = packet.time + ticksIn(base, firstTime - start, timeBase);
        yield { data: packet.data, seconds: (Number(time) * base.num) / base.den };
      }
    } finally {
      file.destroy();
    }
  }
}

/** Decodes all pictures of a sequence once, to know that they are there and sound. */
export async function countPictures(ffmpeg: Ffmpeg, folder: string): Promise<FrameCount> {
  const names = (await readdir(folder)).filter((name) => isSequencePart(name) && name !== TIMES).sort();
  const decoder = spawnFfmpeg(
    ffmpeg.path,
    ["-v", "error", "-f", "png_pipe", "-i", "pipe:0", ...ffmpeg.passthrough, "-f", "framecrc", "pipe:1"],
    { feeds: true, answers: true },
  );
  const feeding = (async () => {
    for (const name of names) if (!(await feed(decoder, [await readFile(join(folder, name))]))) break;
    decoder.stdin.end();
  })();
  try {
    const [table, end] = await Promise.all([readPacketTable(decoder), decoder.ended, feeding]);
    if (end.signal) throw ffmpegDied(`it checked ${folder}`, end.signal, decoder.lastLines());
    const errors = decoder.lastLines();
    return { frames: table.count, seconds: null, sound: errors.length === 0, errors };
  } finally {
    decoder.kill();
  }
}
