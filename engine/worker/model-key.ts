import { fileStamp } from "../file-stamp.ts";
import type { DeviceChoice } from "../onnx/device-choice.ts";
import type { ModelSpec } from "../pipeline/job.ts";

/**
 * What a loaded model is known by: two models with one key are the same bytes on the same device. Files count with their
 * stamps, because weights are read from disk while a network runs: with another file under a name, what was read of
 * the first one's header would be wrong.
 */
export async function modelKey(model: ModelSpec, choice?: DeviceChoice): Promise<string> {
  const paths = model.kind === "builtin" ? [model.path] : [model.path, model.autoencoder, model.prompt];
  // A file that is gone has none; opening it says so.
  const stampOf = async (path: string | null) => (path === null ? null : fileStamp(path));
  const stamps = await Promise.all(paths.map(stampOf));
  return JSON.stringify([model, choice, stamps]);
}
