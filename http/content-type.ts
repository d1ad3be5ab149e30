import { getMimeType, mimes } from "hono/utils/mime";

const known = { ...mimes, mov: "video/quicktime", m4v: "video/mp4", mkv: "video/x-matroska" };

/** The content type a file's extension stands for. */
export function contentType(name: string): string {
  return getMimeType(name.toLowerCase(), known) ?? "application/octet-stream";
}
