import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { EngineError, parameterSchemas } from "../engine/index.ts";
import { byteRange } from "./byte-range.ts";
import type { ByteRange } from "./byte-range.ts";
import { contentType } from "./content-type.ts";
import type { HttpApp, HttpContext, HttpOptions } from "./options.ts";
import { valueFromPath } from "./text-values.ts";

/** Adds GET and HEAD /api/download/{task_id}: the result, whole or a range of it. */
export function addDownloadRoute(app: HttpApp, options: HttpOptions): void {
  app.get("/api/download/:task_id", async (c) => answerFile(c, await resultPath(c, options)));
}

async function resultPath(c: HttpContext, { engine, caller }: HttpOptions): Promise<string> {
  const id = valueFromPath("task_id", parameterSchemas.taskId, c.req.param("task_id") ?? "");
  const task = await engine.call("get_task_status", { task_id: id }, { caller, signal: c.req.raw.signal });
  if (task.status === "completed" && task.output_path) return task.output_path;
  throw new EngineError("wrong_state", {
    what: `Task ${id} has no result: it is ${task.status}.`,
    todo: "Download it once its status is completed.",
    facts: { task_id: id, status: task.status },
  });
}

/** The answer to GET or HEAD. Throws `not_found` when the file is gone. */
async function answerFile(c: HttpContext, path: string): Promise<Response> {
  const found = await stat(path).catch((cause: unknown) => {
    throw fileGone(path, cause);
  });
  if (found.isDirectory()) throw isFolder(path);
  if (!found.isFile()) throw fileGone(path);
  const name = basename(path);
  const tag = `"${found.size.toString(16)}-${Math.floor(found.mtimeMs).toString(16)}"`;
  const headers: Record<string, string> = {
    "Accept-Ranges": "bytes",
    "Content-Type": contentType(name),
    "Content-Disposition": attachment(name),
    "Last-Modified": found.mtime.toUTCString(),
    ETag: tag,
  };
  const unchanged = [undefined, tag, headers["Last-Modified"]].includes(c.req.header("if-range"));
  const range = byteRange(unchanged ? c.req.header("range") : undefined, found.size);
  if (range === "unsatisfiable") {
    return c.json({ error: `The file has ${found.size} bytes; the range begins behind its end.` }, 416, {
      "Content-Range": `bytes */${found.size}`,
    });
  }
  const { start, end } = range ?? { start: 0, end: found.size - 1 };
  if (range) headers["Content-Range"] = `bytes ${start}-${end}/${found.size}`;
  headers["Content-Length"] = String(end - start + 1);
  const wanted = c.req.method !== "HEAD" && end >= start;
  return c.newResponse(wanted ? await bytesOf(path, { start, end }) : null, range ? 206 : 200, headers);
}

/** A part of a file as a stream, which closes the file when it was read or the client is gone. */
async function bytesOf(path: string, range: ByteRange): Promise<ReadableStream> {
  const file = await open(path).catch((cause: unknown) => {
    throw fileGone(path, cause);
  });
  return Readable.toWeb(file.createReadStream(range)) as ReadableStream;
}

/** Content-Disposition of a download: the name in UTF-8 (RFC 5987), and an ASCII form for old clients. */
function attachment(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const wellFormed = Buffer.from(name).toString();
  const encoded = encodeURIComponent(wellFormed).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

function isFolder(path: string): EngineError {
  return new EngineError("wrong_state", {
    what: `The result ${JSON.stringify(basename(path))} is a folder of pictures, which is no single download.`,
    todo: "Take them from output_path on that machine, or submit with codec ffv1 in mkv for one lossless file.",
  });
}

function fileGone(path: string, cause?: unknown): EngineError {
  return new EngineError("not_found", {
    what: `The result ${JSON.stringify(basename(path))} is no longer there as a file.`,
    why: "It was moved or deleted after the task had completed, or it is a folder.",
    todo: "Submit the file again if you still need it.",
    cause,
  });
}
