import type { OperationOutput } from "../operations/operations.ts";
import { providersFor } from "../onnx/providers.ts";
import type { Task } from "../tasks/task.ts";
import type { Supervisor } from "../worker/supervisor.ts";

/** The status object of the contract; without a GPU: false, null, 0, 0. */
export function gpuStatusOf(
  worker: Supervisor,
  running: Task | null,
  device: string,
): OperationOutput<"get_gpu_status"> {
  return {
    cuda_available: worker.loaded?.device === "cuda",
    gpu_name: null,
    vram_used_mb: 0,
    vram_total_mb: 0,
    model_loaded: worker.loaded !== null,
    current_model: worker.loaded?.model ?? null,
    loading: worker.loading !== null,
    loading_model: worker.loading,
    processing: running !== null,
    current_task: running?.id ?? null,
    device: worker.loaded?.device ?? null,
    devices: [...providersFor(device, process.platform, false)],
  };
}
