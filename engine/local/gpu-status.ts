import type { OperationOutput } from "../operations/operations.ts";
import { deviceName, devicesFor } from "../onnx/providers.ts";
import type { Task } from "../tasks/task.ts";
import { gpuFigures } from "../worker/gpu-figures.ts";
import type { Supervisor } from "../worker/supervisor.ts";

/** The status object of the contract; without a GPU: false, null, 0, 0. */
export async function gpuStatusOf(
  worker: Supervisor,
  running: Task | null,
  device: string,
): Promise<OperationOutput<"get_gpu_status">> {
  const [wished] = devicesFor(device, process.platform);
  const gpus = await gpuFigures();
  const gpu = gpus[wished?.index ?? 0];
  const isCuda = (name: string) => /^(cuda|tensorrt)/.test(name);
  return {
    cuda_available:
      isCuda(worker.loaded?.device ?? "") || worker.tried.some((trial) => trial.works && isCuda(trial.device)),
    gpu_name: gpu?.name ?? null,
    vram_used_mb: gpu?.usedMb ?? 0,
    vram_total_mb: gpu?.totalMb ?? 0,
    model_loaded: worker.loaded !== null,
    current_model: worker.loaded?.model ?? null,
    loading: worker.loading !== null,
    loading_model: worker.loading,
    processing: running !== null,
    current_task: running?.id ?? null,
    device: worker.loaded?.device ?? null,
    devices: devicesFor(device, process.platform).map(deviceName),
    tried: worker.tried.map(({ device: name, works, reason, rate, choice }) => ({
      ...{ device: name, works },
      ...(reason !== undefined && { reason }),
      ...(rate !== undefined && { gflops: Math.round(rate * 10) / 10 }),
      ...(choice && { arithmetic: choice.arithmetic, attention: choice.attention }),
    })),
  };
}
