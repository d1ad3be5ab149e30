import { EngineError } from "../errors.ts";

/** Execution providers in the order they are tried, fastest first, by platform. */
const byPlatform: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ["cuda", "webgpu", "cpu"],
  win32: ["dml", "webgpu", "cpu"],
  darwin: ["coreml", "webgpu", "cpu"],
};

export const knownProviders = ["cpu", "webgpu", "cuda", "tensorrt", "dml", "coreml"] as const;

/**
 * The providers to try for a device wish. `auto` is every one of the platform, `auto` with a small network is the CPU:
 * a network of a few milliseconds gains nothing from a GPU that has to be started first.
 */
export function providersFor(device: string, platform: NodeJS.Platform, small: boolean): readonly string[] {
  if (device === "auto") return small ? ["cpu"] : (byPlatform[platform] ?? ["cpu"]);
  const name = device.split(":")[0]!;
  if (!(knownProviders as readonly string[]).includes(name)) {
    throw new EngineError("invalid_parameter", {
      what: `There is no device ${JSON.stringify(device)}.`,
      todo: `SEEDVR2_DEVICE may be auto, ${knownProviders.join(", ")}.`,
    });
  }
  return [name];
}

/** A provider that would not start, and its own words why. */
export interface ProviderFailure {
  readonly provider: string;
  readonly reason: string;
}

export function noProvider(failures: readonly ProviderFailure[]): EngineError {
  return new EngineError("provider_failed", {
    what: "No execution provider could run the network.",
    why: failures.map(({ provider, reason }) => `${provider}: ${reason}.`).join(" "),
    todo: "Set SEEDVR2_DEVICE=cpu to compute on the processor.",
    facts: { failures },
  });
}
