import type { EngineConfig } from "../config.ts";
import { listModels } from "../models/model-list.ts";
import type { OperationOutput } from "../operations/operations.ts";
import { removeRepackedFiles } from "../weights/repack-cache.ts";
import type { Supervisor } from "../worker/supervisor.ts";

/**
 * Removes repacked models. A worker that has one loaded and nothing to do is ended first, because its networks read
 * their file whenever they run; what the model at work needs is kept.
 */
export async function cleanModelCache(
  config: EngineConfig,
  supervisor: Supervisor,
  running: string | null,
): Promise<OperationOutput<"clean_model_cache">> {
  const atWork = running ?? supervisor.loading;
  if (atWork === null && !supervisor.busy) await supervisor.release();
  const inUse = atWork === null ? undefined : (await listModels(config)).find(({ name }) => name === atWork)?.path;
  const { removed, kept } = await removeRepackedFiles(config.cacheDir, inUse ?? undefined);
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  const rest = kept > 0 ? ` ${megabytes(kept)} are kept, because the running task needs them.` : "";
  const message = `${megabytes(removed)} of repacked models were removed.${rest}`;
  return { status: "success", message, removed_bytes: removed, kept_bytes: kept };
}
