import { choiceWords, passedOver, rounded, type DeviceTrial } from "../../engine/onnx/device-choice.ts";
import { devicesFor, type Device } from "../../engine/onnx/providers.ts";
import { gpuFigures } from "../../engine/worker/gpu-figures.ts";
import { tryDeviceApart } from "../../engine/worker/try-devices.ts";
import { workerEnvironment } from "../config.ts";
import type { Settings } from "../config.ts";
import { builtFile } from "../installation.ts";
import { cudaFindings } from "./cuda.ts";
import type { Finding } from "./finding.ts";

/** GPUs, every device of this platform and the wished one on trial, and the way to CUDA where that is of use. */
export async function deviceFindings(settings: Settings): Promise<Finding[]> {
  const wish = settings.values.SEEDVR2_DEVICE;
  const environment = workerEnvironment(settings);
  const gpus = await gpuFigures(environment);
  const findings: Finding[] = gpus.map(({ name, usedMb, totalMb }) => ({
    about: "GPU",
    state: "ok",
    text: totalMb > 0 ? `${name}, ${usedMb} of ${totalMb} MiB in use` : `${name}, its driver does not tell its memory`,
  }));
  const worker = { entry: builtFile("worker"), environment };
  const wished = wish === "auto" ? [] : devicesFor(wish, process.platform);
  const isWished = ({ provider }: Device) => wished.some((device) => device.provider === provider);
  const others = devicesFor("auto", process.platform).filter((device) => !isWished(device));
  const trials: DeviceTrial[] = [];
  for (const device of [...wished, ...others]) trials.push(await tryDeviceApart(device, worker));
  findings.push(...trials.map((trial) => trialFinding(trial, wish)));
  const hasNvidia = gpus.some(({ name }) => /nvidia|geforce|tesla|quadro|rtx/i.test(name));
  const works = trials.some(({ device, works: does }) => does && device.startsWith("cuda"));
  if (!works && (hasNvidia || /^(cuda|tensorrt)/.test(wish))) findings.push(...(await cudaFindings(hasNvidia)));
  return findings;
}

function trialFinding(trial: DeviceTrial, wish: string): Finding {
  const about = `device ${trial.device}`;
  const isNeeded = trial.device === "cpu" || trial.device === wish;
  if (!trial.works || !trial.choice) {
    const text = `does not work: ${trial.reason ?? "no reason given"}`;
    return { about, state: isNeeded ? "problem" : "note", text };
  }
  if (trial.device === "cpu") return { about, state: "ok", text: `works, ${rounded(trial.rate ?? 0)} GFLOP/s` };
  const reason = passedOver(trial);
  if (reason !== undefined) return { about, state: "note", text: reason };
  const rates = `${rounded(trial.rate ?? 0)} GFLOP/s, the processor ${rounded(trial.processorRate ?? 0)}`;
  return { about, state: "ok", text: `works: ${choiceWords(trial.choice)}, ${rates}` };
}
