import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Busboy } from "@fastify/busboy";
import type { BusboyInstance } from "@fastify/busboy";
import { nanoid } from "nanoid";
import { EngineError } from "../engine/index.ts";
import { givenTwice } from "./text-values.ts";
import { uploadName } from "./upload-name.ts";

/** A form that has arrived whole: its file lies at `path`, alone in `folder`. */
export interface Upload {
  readonly folder: string;
  readonly path: string;
  /** The file's name as the client gave it, cleaned. */
  readonly name: string;
  readonly fields: Readonly<Record<string, readonly string[]>>;
}

interface UploadLimits {
  readonly uploadDir: string;
  readonly maxUploadBytes: number;
}

/** A client that sends nothing for so long is taken as gone. */
const stallMs = 120_000;
const maxFields = 64;
const maxFieldBytes = 16_384;
/** What the fields and the form's own lines may take besides the file. */
const formBytes = 2 ** 20;

/**
 * Writes a form's `file` to disk as it arrives and reads its fields. Throws `too_large`, or `invalid_parameter` when
 * the form is malformed or holds anything but one non-empty file and text fields; then nothing is left on disk.
 */
export async function receiveUpload(request: IncomingMessage, limits: UploadLimits): Promise<Upload> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limits.maxUploadBytes + formBytes) {
    await discardRest(request, limits.maxUploadBytes);
    throw tooLarge(limits.maxUploadBytes);
  }
  const parser = formParser(request, limits.maxUploadBytes);
  const folder = join(limits.uploadDir, nanoid());
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    return { folder, ...(await readForm(request, parser, { folder, maxBytes: limits.maxUploadBytes })) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    await discardRest(request, limits.maxUploadBytes);
    throw error;
  }
}

function formParser(request: IncomingMessage, maxBytes: number): BusboyInstance {
  const contentType = request.headers["content-type"] ?? "";
  if (!/^multipart\/form-data\b/i.test(contentType)) {
    throw new EngineError("invalid_parameter", {
      what: "The body is not a form with a file.",
      todo: 'Send multipart/form-data with the file in the field "file".',
    });
  }
  try {
    return new Busboy({
      headers: { ...request.headers, "content-type": contentType },
      limits: {
        fileSize: maxBytes,
        fields: maxFields,
        fieldSize: maxFieldBytes,
        parts: maxFields + 2,
        headerPairs: 50,
      },
    });
  } catch (cause) {
    throw malformed(cause);
  }
}

interface SavedFile {
  readonly name: string;
  readonly path: string;
  /** Resolves to the file's size when it is closed. */
  readonly closed: Promise<number>;
}

/** Reads the form to its end. When it throws, no file is open any more and the request no longer flows. */
async function readForm(
  request: IncomingMessage,
  parser: BusboyInstance,
  to: { folder: string; maxBytes: number },
): Promise<Omit<Upload, "folder">> {
  const fields = new Map<string, string>();
  const stop = new AbortController();
  let saved: SavedFile | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      parser.on("file", (field, stream, filename) => {
        if (field !== "file" || saved) {
          stream.resume();
          return reject(field === "file" ? givenTwice(field) : unknownFile(field));
        }
        const name = uploadName(filename);
        const path = join(to.folder, name);
        saved = { name, path, closed: save(stream, path, stop.signal) };
        saved.closed.catch((error: NodeJS.ErrnoException) => reject(error.syscall ? error : malformed(error)));
        stream.on("limit", () => reject(tooLarge(to.maxBytes)));
      });
      parser.on("field", (name, value, _nameCut, valueCut) => {
        if (fields.has(name)) reject(givenTwice(name));
        if (valueCut) reject(fieldTooLong(name));
        fields.set(name, value);
      });
      for (const limit of ["partsLimit", "filesLimit", "fieldsLimit"] as const)
        parser.on(limit, () => reject(tooManyParts()));
      parser.on("error", (error) => reject(malformed(error)));
      parser.on("finish", resolve);
      request.on("error", () => reject(clientGone()));
      request.on("close", () => {
        if (!request.complete) reject(clientGone());
      });
      request.setTimeout(stallMs, () => reject(clientGone()));
      request.pipe(parser);
    });
    if (!saved) throw fileMissing();
    if ((await saved.closed) === 0) throw emptyFile(saved.name);
    return { name: saved.name, path: saved.path, fields: textsOf(fields) };
  } catch (error) {
    request.unpipe(parser);
    stop.abort();
    await saved?.closed.catch(() => undefined);
    throw error;
  } finally {
    request.setTimeout(0);
  }
}

async function save(stream: Readable, path: string, signal: AbortSignal): Promise<number> {
  const file = createWriteStream(path, { flags: "wx", mode: 0o600 });
  const closed = new Promise<void>((resolve) => file.once("close", resolve));
  // Only when it is closed can its folder be removed for certain.
  await pipeline(stream, file, { signal }).finally(() => closed);
  return file.bytesWritten;
}

/**
 * Reads and forgets what the client still sends, up to a bound: most clients send everything before they look at the
 * answer, and would see a broken connection instead of the reason.
 */
async function discardRest(request: IncomingMessage, maxBytes: number): Promise<void> {
  let left = maxBytes;
  await new Promise<void>((resolve) => {
    if (request.readableEnded || request.destroyed) return resolve();
    request.on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) resolve();
    });
    for (const event of ["end", "close", "error"]) request.once(event, resolve);
    request.setTimeout(stallMs, resolve);
    request.resume();
  });
  request.setTimeout(0);
}

function textsOf(fields: ReadonlyMap<string, string>): Record<string, readonly string[]> {
  return Object.fromEntries([...fields].map(([name, value]) => [name, [value]]));
}

function tooLarge(maxBytes: number): EngineError {
  const megabytes = Math.max(1, Math.floor(maxBytes / 2 ** 20));
  return new EngineError("too_large", {
    what: `The file is larger than ${megabytes} MB.`,
    why: "Uploads are limited by MAX_UPLOAD_SIZE.",
    todo: "Raise MAX_UPLOAD_SIZE (in MB), or use the command line, which reads files where they are.",
    facts: { max_bytes: maxBytes },
  });
}

function malformed(cause: unknown): EngineError {
  return new EngineError("invalid_parameter", {
    what: "The form is malformed or incomplete.",
    todo: "Send it again as multipart/form-data with its boundary in the Content-Type.",
    cause,
  });
}

function fileMissing(): EngineError {
  return new EngineError("invalid_parameter", {
    what: "Parameter file is missing: a picture or clip.",
    todo: 'Send it in the field "file", with curl as -F file=@clip.mp4.',
    facts: { parameter: "file" },
  });
}

function emptyFile(name: string): EngineError {
  return new EngineError("invalid_parameter", {
    what: `The file ${JSON.stringify(name)} is empty.`,
    todo: "Check that it was written whole, then send it again.",
    facts: { parameter: "file" },
  });
}

function unknownFile(field: string): EngineError {
  return new EngineError("invalid_parameter", {
    what: `There is no parameter ${JSON.stringify(field)} that is a file.`,
    todo: 'Send the file in the field "file".',
    facts: { parameter: field },
  });
}

function fieldTooLong(name: string): EngineError {
  return new EngineError("invalid_parameter", {
    what: `Parameter ${JSON.stringify(name)} is too long.`,
    todo: `Give at most ${maxFieldBytes} bytes.`,
    facts: { parameter: name },
  });
}

function tooManyParts(): EngineError {
  return new EngineError("invalid_parameter", {
    what: "The form has too many fields.",
    todo: `Send the file and at most ${maxFields} fields.`,
  });
}

function clientGone(): EngineError {
  return new EngineError("cancelled", { what: "The client ended the upload before it was complete." });
}
