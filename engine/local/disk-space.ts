import { stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { EngineError } from "../errors.ts";
import type { EncodeSpec, VideoCodec } from "../media/encoding.ts";

/** Bytes that something will need in a folder, there or not yet. */
export interface DiskNeed {
  readonly folder: string;
  readonly bytes: number;
}

/** Bytes a pixel and frame that usual clips take at most, from sources of 8 and of more bits. */
const bytesPerPixel: Readonly<Record<VideoCodec, readonly [usual: number, deep: number]>> = {
  h264: [0.6, 0.6],
  hevc: [0.6, 0.6],
  vp9: [0.6, 0.6],
  av1: [0.6, 0.6],
  prores_422hq: [0.7, 0.7],
  prores_4444: [1.5, 1.5],
  ffv1: [2, 5],
  png_sequence: [2.5, 6],
};

/** Bytes of `frames` frames of a spec's size in a codec. */
export function encodedBytes(codec: VideoCodec, { width, height }: EncodeSpec, frames: number, deep: boolean): number {
  return width * height * frames * bytesPerPixel[codec][deep ? 1 : 0];
}

/** Refuses with `disk_full` where a disk has no room for all that is needed on it. */
export async function refuseFullDisk(needs: readonly DiskNeed[]): Promise<void> {
  const disks = new Map<number, { folder: string; bytes: number }>();
  for (const { folder, bytes } of needs) {
    const there = await nearestFolder(folder);
    const disk = disks.get(there.disk) ?? { folder: there.folder, bytes: 0 };
    disks.set(there.disk, { ...disk, bytes: disk.bytes + bytes });
  }
  for (const { folder, bytes } of disks.values()) {
    const space = await statfs(folder);
    const free = space.bavail * space.bsize;
    if (free >= bytes) continue;
    throw new EngineError("disk_full", {
      what: `The result may need ${Math.ceil(bytes / 1e6)} MB, and ${folder} has ${Math.floor(free / 1e6)} MB free.`,
      todo: "Free some space or choose another output folder.",
      facts: { needed: bytes, free },
    });
  }
}

async function nearestFolder(folder: string): Promise<{ folder: string; disk: number }> {
  const found = await stat(folder).catch((error: unknown) => {
    if (folder === dirname(folder)) throw error;
    return null;
  });
  return found ? { folder, disk: found.dev } : nearestFolder(dirname(folder));
}
