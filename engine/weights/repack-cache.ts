import { createHash } from "node:crypto";
import { mkdir, open, readdir, realpath, rename, rm, stat, statfs, type FileHandle } from "node:fs/promises";
import { basename, join } from "node:path";
import { EngineError } from "../errors.ts";
import { fileStamp } from "../file-stamp.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { decode, readBytes } from "./decode.ts";
import { isQuantised } from "./gguf-blocks.ts";
import { isRepackable, repack, repackedParts, type RepackedPart } from "./repack.ts";
import { safetensorsHeader } from "./safetensors-writer.ts";
import type { Checkpoint, StoredTensor } from "./stored-tensor.ts";
import { byteLength, countOf } from "./stored-type.ts";

/** Metadata keys of a repacked file: the layout's version, and the file it was made from. */
export const REPACK_VERSION_KEY = "seedvr2.repack";
const REPACK_VERSION = "2";
const SOURCE_KEY = "seedvr2.source";
const ENDING = ".repacked.safetensors";

/** Disk space that must stay free beside a new file. */
const SPARE_BYTES = 2 ** 28;

/** A repacked file in the cache. */
export interface RepackedFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * A GGUF checkpoint with its blocks repacked, from the cache folder; made there once for each state of the file, and
 * again where what is there cannot be read. It is written under another name and renamed when whole. Throws `disk_full`
 * before writing where space is short, and the system's error where the folder cannot be written.
 */
export async function repackedCheckpoint(source: Checkpoint, folder: string): Promise<Checkpoint> {
  const path = join(folder, await cacheName(source.path));
  const known = await openCheckpoint(path).catch(() => undefined);
  if (known) return known;
  const parts = new Map([...source.tensors.values()].map((tensor) => [tensor, partsOf(tensor)]));
  await mkdir(folder, { recursive: true });
  await checkSpace(folder, [...parts.values()].flat());
  const unfinished = `${path}.${process.pid}.part`;
  try {
    const file = await open(unfinished, "w");
    try {
      await writeParts(file, source.path, parts);
      // Renamed before its bytes are on the disk, it could be whole in name only after a power cut.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return openCheckpoint(path);
}

/** What the cache holds. */
export async function repackedFiles(folder: string): Promise<RepackedFile[]> {
  const names = await readdir(folder).catch(() => []);
  const paths = names.filter((name) => name.includes(ENDING)).map((name) => join(folder, name));
  const sizeOf = async (path: string) => (await stat(path).catch(() => null))?.size ?? 0;
  return Promise.all(paths.map(async (path) => ({ path, bytes: await sizeOf(path) })));
}

/** Bytes of repacked files that were removed and that were kept. */
export interface CleanedCache {
  readonly removed: number;
  readonly kept: number;
}

/**
 * Removes what the cache holds, unfinished files included, but for what was made or is being made of the checkpoint
 * `inUse`. Files that another cleaning was faster to remove count as nothing.
 */
export async function removeRepackedFiles(folder: string, inUse?: string): Promise<CleanedCache> {
  const keep = inUse === undefined ? undefined : join(folder, await cacheName(await realpath(inUse)));
  const files = await repackedFiles(folder);
  const kept = files.filter(({ path }) => keep !== undefined && path.startsWith(keep));
  const removed = files.filter((file) => !kept.includes(file));
  for (const { path } of removed) await rm(path, { force: true });
  return { removed: bytesOf(removed), kept: bytesOf(kept) };
}

/** Bytes that the cache takes. */
export async function cacheBytes(folder: string): Promise<number> {
  return bytesOf(await repackedFiles(folder));
}

function bytesOf(files: readonly RepackedFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function cacheName(path: string): Promise<string> {
  const identity = createHash("sha256")
    .update(JSON.stringify([REPACK_VERSION, path, await fileStamp(path)]))
    .digest("hex")
    .slice(0, 16);
  return `${basename(path).slice(0, 100)}.${identity}${ENDING}`;
}

/** Quantised matrices become their parts, other quantised tensors fp32 values, all else stays as it is. */
function partsOf(tensor: StoredTensor): RepackedPart[] {
  if (isRepackable(tensor)) return repackedParts(tensor);
  return [{ name: tensor.name, type: isQuantised(tensor.type) ? "F32" : tensor.type, shape: tensor.shape }];
}

async function checkSpace(folder: string, parts: readonly RepackedPart[]): Promise<void> {
  const needed = parts.reduce((sum, { type, shape }) => sum + byteLength(type, countOf(shape)), 0) + SPARE_BYTES;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= needed) return;
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  throw new EngineError("disk_full", {
    what: `The repacked weights need ${megabytes(needed)} in ${folder}; ${megabytes(bavail * bsize)} are free.`,
    todo: "Free some space, or choose another folder with SEEDVR2_CACHE_DIR.",
    facts: { folder, needed, free: bavail * bsize },
  });
}

async function writeParts(
  file: FileHandle,
  source: string,
  parts: ReadonlyMap<StoredTensor, readonly RepackedPart[]>,
): Promise<void> {
  const header = new Map([...parts.values()].flat().map((part) => [part.name, part]));
  await file.writeFile(safetensorsHeader(header, { [REPACK_VERSION_KEY]: REPACK_VERSION, [SOURCE_KEY]: source }));
  for (const tensor of parts.keys()) {
    const bytes = await readBytes(tensor);
    if (isRepackable(tensor)) for (const part of repack(tensor, bytes)) await file.writeFile(part);
    else await file.writeFile(isQuantised(tensor.type) ? new Uint8Array(decode(tensor.type, bytes).buffer) : bytes);
  }
}
