import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { EngineError, asEngineError } from "../errors.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import type { MediaInfo } from "./media-info.ts";
import { probeClip } from "./probe-clip.ts";
import { probePicture } from "./probe-picture.ts";
import { sniff, sniffedBytes } from "./sniff.ts";

/**
 * Finds out what a file is, by its content, and whether it can be read: a picture of usual size is decoded, of a clip
 * the first frame. Rejects with `not_found`, or with `unreadable_media` saying what the file is and what to do.
 */
export async function probeMedia(ffmpeg: Ffmpeg, path: string): Promise<MediaInfo> {
  const absolute = resolve(path);
  const head = await readHead(absolute);
  const found = sniff(head);
  switch (found.is) {
    case "picture":
      return probePicture(absolute, found.format);
    case "clip":
      return probeClip(ffmpeg, absolute, found.demuxer);
    case "refused":
      throw unreadable(path, `It is ${found.what}.`, found.todo);
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  try {
    const status = await stat(path);
    if (status.isDirectory()) throw unreadable(path, "It is a folder.", "Name the files in it one by one.");
    // Opening a pipe or device could wait for ever.
    if (!status.isFile()) throw unreadable(path, "It is no ordinary file.", "Copy it into a file first.");
    if (status.size === 0) throw unreadable(path, "It is empty.", "Copy or download it again.");
    return await firstBytes(path);
  } catch (error) {
    throw readingError(path, error);
  }
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(sniffedBytes), 0, sniffedBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function readingError(path: string, error: unknown): EngineError {
  const { code } = error as NodeJS.ErrnoException;
  const facts = { path };
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return new EngineError("not_found", { what: `There is no file ${path}.`, todo: "Check the path.", facts });
    case "EACCES":
    case "EPERM":
      return unreadable(path, "Its permissions do not allow reading it.", "Make it readable for this user.");
    case "ENAMETOOLONG":
    case "ELOOP":
      return unreadable(path, "Its path is too long or leads in a circle.", "Give a shorter, direct path.");
    default:
      return asEngineError(error);
  }
}

function unreadable(path: string, why: string, todo: string): EngineError {
  return new EngineError("unreadable_media", { what: `${path} cannot be enlarged.`, why, todo, facts: { path } });
}
