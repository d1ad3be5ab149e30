import { passedOver, processor, type DeviceChoice, type DeviceTrial } from "../onnx/device-choice.ts";
import { devicesFor, noDevice, type Device } from "../onnx/providers.ts";
import { freeGpuMemory } from "./gpu-figures.ts";
import { tryDeviceApart, type TrialWorker } from "./try-devices.ts";

/**
 * Decides once, when a SeedVR2 model is first wanted, what its networks are computed on: the first device of the wish
 * that passes its trial. `auto` also wants it to be worth using, and ends with the processor.
 */
export class DeviceChooser {
  readonly #wish: string;
  readonly #worker: TrialWorker;
  #stop = new AbortController();
  #tried: readonly DeviceTrial[] = [];
  #chosen: DeviceChoice | undefined;

  constructor(wish: string, worker: TrialWorker) {
    this.#wish = wish;
    this.#worker = worker;
  }

  /** How each device that was tried did, with the reason where it was not chosen. */
  get tried(): readonly DeviceTrial[] {
    return this.#tried;
  }

  /** What was decided; nothing as long as no SeedVR2 model was wanted, unless the processor is wished for. */
  get chosen(): DeviceChoice | undefined {
    return this.#chosen ?? (this.#wish === "cpu" ? processor : undefined);
  }

  /**
   * Throws `provider_failed` with each device's reason where the wish leaves none; the next call tries again. Rejects
   * when `signal` or `stop` ends a trial.
   */
  async choose(signal?: AbortSignal): Promise<DeviceChoice> {
    if (this.#chosen) return this.#chosen;
    const stopped = AbortSignal.any([this.#stop.signal, ...(signal ? [signal] : [])]);
    const tried: DeviceTrial[] = [];
    for (const device of devicesFor(this.#wish, process.platform)) {
      const trial = await this.#try(device, stopped);
      tried.push(trial);
      this.#tried = tried;
      if (!trial.choice || trial.reason !== undefined) continue;
      this.#chosen = trial.choice;
      return trial.choice;
    }
    throw noDevice(tried.map(({ device, reason = "no reason given" }) => ({ device, reason })));
  }

  /** Ends a trial that runs. */
  stop(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
  }

  async #try(device: Device, signal: AbortSignal): Promise<DeviceTrial> {
    if (device.provider === "cpu") return { device: "cpu", works: true, choice: processor };
    const { choice, ...trial } = await tryDeviceApart(device, { ...this.#worker, signal });
    if (!choice) return trial;
    const reason = this.#wish === "auto" ? passedOver(trial) : undefined;
    const memory = await freeGpuMemory(this.#worker.environment, device.index);
    return { ...trial, ...(reason && { reason }), choice: { ...choice, memory } };
  }
}
