import type { ContentfulStatusCode } from "hono/utils/http-status";
import { asEngineError } from "../engine/index.ts";
import type { EngineError, ErrorCode } from "../engine/index.ts";
import type { HttpContext } from "./options.ts";

/** Which status says what; a code without one does not compile. */
const statuses = {
  invalid_parameter: 400,
  unreadable_media: 400,
  path_not_allowed: 400,
  not_runnable: 400,
  does_not_fit: 400,
  token_missing: 401,
  host_not_allowed: 403,
  not_found: 404,
  not_installed: 404,
  wrong_state: 409,
  too_large: 413,
  stopping: 503,
  worker_died: 500,
  provider_failed: 500,
  out_of_memory: 500,
  checkpoint_malformed: 500,
  disk_full: 500,
  download_failed: 500,
  not_writable: 500,
  engine_unreachable: 500,
  cancelled: 500,
  internal: 500,
} satisfies Record<ErrorCode, ContentfulStatusCode>;

export function statusOf(code: ErrorCode): ContentfulStatusCode {
  return statuses[code];
}

/** Answers with the error as public REST shows it: its whole text as `error`, its code for programs. */
export function answerError(c: HttpContext, error: unknown, status?: ContentfulStatusCode): Response {
  const known: EngineError = asEngineError(error);
  if (known.code === "token_missing") c.header("WWW-Authenticate", "Bearer");
  return c.json({ error: known.message, code: known.code }, status ?? statusOf(known.code));
}
