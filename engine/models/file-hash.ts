import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { autoencoderFile, publishedFile } from "./published-files.ts";

/** SHA-256 of a file's bytes in lower-case hexadecimal. Rejects with the signal's reason. */
export async function sha256Of(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash, { ...(signal && { signal }) });
  return hash.digest("hex");
}

/**
 * Whether a file is, byte for byte, the one published under its name; null where none is, or its hash is not known.
 * Reads it whole.
 */
export async function isAsPublished(path: string, signal?: AbortSignal): Promise<boolean | null> {
  const name = basename(path);
  const published = name === autoencoderFile.name ? autoencoderFile : publishedFile(name);
  if (!published?.sha256) return null;
  return (await sha256Of(path, signal)) === published.sha256;
}
