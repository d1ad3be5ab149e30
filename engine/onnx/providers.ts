import { EngineError } from "../errors.ts";

export const knownProviders = ["cpu", "webgpu", "cuda", "tensorrt", "dml", "coreml"] as const;
export type Provider = (typeof knownProviders)[number];

/** Providers that the runtime's binding lets choose among several GPUs. */
const indexedProviders: readonly Provider[] = ["cuda", "tensorrt", "dml"];

/** What SEEDVR2_DEVICE may be. */
export const devicePattern = new RegExp(
  `^(auto|${knownProviders.map((name) => (indexedProviders.includes(name) ? `${name}(:\\d{1,2})?` : name)).join("|")})$`,
);
export const deviceWords = `one of auto, ${knownProviders.join(", ")}; ${indexedProviders.join(", ")} also with the number of a GPU, as in cuda:1`;

/** An execution provider, and which GPU of it where several can be told apart. */
export interface Device {
  readonly provider: Provider;
  readonly index?: number | undefined;
}

/** `cuda:1`; without an index the provider's name. */
export function deviceName({ provider, index }: Device): string {
  return index === undefined ? provider : `${provider}:${index}`;
}

/** Execution providers in the order they are tried, fastest first, by platform. */
const byPlatform: Readonly<Partial<Record<NodeJS.Platform, readonly Provider[]>>> = {
  linux: ["cuda", "webgpu", "cpu"],
  win32: ["dml", "webgpu", "cpu"],
  darwin: ["coreml", "webgpu", "cpu"],
};

/** Providers of the platform, fastest first; the processor is the last. */
function platformProviders(platform: NodeJS.Platform): readonly Provider[] {
  return byPlatform[platform] ?? ["cpu"];
}

/** The devices to try for a wish (a value of SEEDVR2_DEVICE). `auto` is every provider of the platform. */
export function devicesFor(wish: string, platform: NodeJS.Platform): readonly Device[] {
  if (!devicePattern.test(wish)) {
    throw new EngineError("invalid_parameter", {
      what: `There is no device ${JSON.stringify(wish)}.`,
      todo: `SEEDVR2_DEVICE may be ${deviceWords}.`,
    });
  }
  if (wish === "auto") return platformProviders(platform).map((provider) => ({ provider }));
  const [provider, index] = wish.split(":") as [Provider, string | undefined];
  return [{ provider, ...(index !== undefined && { index: Number(index) }) }];
}

/** As the runtime wants it. */
export function executionProvider({ provider, index }: Device): string | { name: string; deviceId: number } {
  return index === undefined ? provider : { name: provider, deviceId: index };
}

/** A device that would not start, and its own words why. */
export interface DeviceFailure {
  readonly device: string;
  readonly reason: string;
}

export function noDevice(failures: readonly DeviceFailure[]): EngineError {
  return new EngineError("provider_failed", {
    what: "No device could run the network.",
    why: failures.map(({ device, reason }) => `${device}: ${reason.replace(/\.?$/, ".")}`).join(" "),
    todo: "Set SEEDVR2_DEVICE=cpu to compute on the processor, or auto to use what works; seedvr2 doctor tries each device.",
    facts: { failures },
  });
}
