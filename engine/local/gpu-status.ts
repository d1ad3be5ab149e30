import type { EngineConfig } from "../config.ts";
import type { OperationOutput } from "../operations/operations.ts";
import type { DeviceTrial } from "../onnx/device-choice.ts";
import { deviceName, devicesFor } from "../onnx/providers.ts";
import type { Task } from "../tasks/task.ts";
import { gpuFigures } from "../worker/gpu-figures.ts";
import type { Supervisor } from "../worker/supervisor.ts";

const noGpu = { name: null, usedMb: 0, totalMb: 0 };

/** The status object of the contract; without a GPU: false, null, 0, 0. */
export async function gpuStatusOf(
  worker: Supervisor,
  running: Task | null,
  { device, workerEnvironment }: Pick<EngineConfig, "device" | "workerEnvironment">,
): Promise<OperationOutput<"get_gpu_status">> {
  const [wished] = devicesFor(device, process.platform);
  const gpu = (await gpuFigures(workerEnvironment))[wished?.index ?? 0] ?? noGpu;
  const isCuda = (name = "") => /^(cuda|tensorrt)/.test(name);
  const { loaded } = worker;
  return {
    cuda_available: isCuda(loaded?.device) || worker.tried.some((trial) => trial.works && isCuda(trial.device)),
    gpu_name: gpu.name,
    vram_used_mb: gpu.usedMb,
    vram_total_mb: gpu.totalMb,
    model_loaded: loaded !== null,
    current_model: loaded?.model ?? null,
    loading: worker.loading !== null,
    loading_model: worker.loading,
    processing: running !== null,
    current_task: running?.id ?? null,
    device: loaded?.device ?? null,
    devices: devicesFor(device, process.platform).map(deviceName),
    tried: worker.tried.map(trialOf),
  };
}

function trialOf({ device, works, reason, rate, choice }: DeviceTrial) {
  return {
    ...{ device, works },
    ...(reason !== undefined && { reason }),
    ...(rate !== undefined && { gflops: Math.round(rate * 10) / 10 }),
    ...(choice && { arithmetic: choice.arithmetic, attention: choice.attention }),
  };
}
