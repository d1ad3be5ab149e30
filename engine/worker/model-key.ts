import { stat } from "node:fs/promises";
import type { DeviceChoice } from "../onnx/device-choice.ts";
import type { ModelSpec } from "../pipeline/job.ts";

/**
 * What a loaded model is known by: two models with one key are the same bytes on the same device. Files count with size
 * and time, because weights are read from disk while a network runs: with another file under a name, what was read of
 * the first one's header would be wrong.
 */
export async function modelKey(model: ModelSpec, choice?: DeviceChoice): Promise<string> {
  const paths = model.kind === "builtin" ? [model.path] : [model.path, model.autoencoder, model.prompt];
  return JSON.stringify([model, choice, await Promise.all(paths.map(stateOf))]);
}

async function stateOf(path: string | null): Promise<readonly number[] | null> {
  const state = path === null ? null : await stat(path).catch(() => null); // opening a file that is gone says so
  return state && [state.size, state.mtimeMs];
}
