import type { ErrorCode } from "../engine/index.ts";

/** What the program exits with after each kind of failure; 0 is success. Scripts rely on these numbers. */
export const exitCodes = {
  invalid_parameter: 2,
  unreadable_media: 2,
  path_not_allowed: 2,
  too_large: 2,
  does_not_fit: 2,
  not_found: 3,
  not_installed: 3,
  not_runnable: 3,
  wrong_state: 4,
  stopping: 5,
  engine_unreachable: 5,
  token_missing: 1,
  host_not_allowed: 1,
  worker_died: 1,
  provider_failed: 1,
  out_of_memory: 1,
  checkpoint_malformed: 1,
  disk_full: 1,
  download_failed: 1,
  not_writable: 1,
  internal: 1,
  cancelled: 130,
} as const satisfies Record<ErrorCode, number>;
