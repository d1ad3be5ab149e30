import { z } from "zod";
import { processorLowering, type Lowering } from "./lowering.ts";
import { deviceName, knownProviders } from "./providers.ts";

/** What the networks of a task are computed on, and how: part of the task's plan, so that a resumed one gives the same. */
export const deviceChoice = z.object({
  provider: z.enum(knownProviders),
  index: z.number().int().min(0).optional(),
  attention: z.enum(["fused", "plain"]),
  arithmetic: z.enum(["fp32", "fp16"]),
  /** Bytes of a GPU that may be planned with; the processor's are not the device's. */
  memory: z.number().optional(),
});
export type DeviceChoice = z.output<typeof deviceChoice>;

/** How a device did in its trial. */
export const deviceTrial = z.object({
  /** As SEEDVR2_DEVICE names it. */
  device: z.string(),
  works: z.boolean(),
  /** Why it does not work, or is not chosen, in its own words. */
  reason: z.string().optional(),
  /** What it reaches in products of matrices, beside the processor's rate. GFLOP/s. */
  rate: z.number().optional(),
  processorRate: z.number().optional(),
  /** How it would be used. */
  choice: deviceChoice.optional(),
});
export type DeviceTrial = z.output<typeof deviceTrial>;

const { attention, arithmetic } = processorLowering;
export const processor: DeviceChoice = { provider: "cpu", attention, arithmetic };

/** The processor reads all stored types; a GPU provider only fp32 and fp16. */
export function loweringOf({ provider, attention, arithmetic }: DeviceChoice): Lowering {
  return { attention, arithmetic, weights: provider === "cpu" ? "stored" : "converted" };
}

/** How many times the processor's rate a device must reach for `auto`: software adapters reach a 38th of it. */
const WORTHWHILE = 2;

/** Why `auto` passes over a device that works; nothing where it does not. */
export function passedOver({
  rate = 0,
  processorRate = 0,
}: Pick<DeviceTrial, "rate" | "processorRate">): string | undefined {
  if (rate >= WORTHWHILE * processorRate) return undefined;
  const figures = `it reaches ${rounded(rate)} GFLOP/s, the processor ${rounded(processorRate)}`;
  return `works, but ${figures}: a software adapter, or a GPU that is no faster. auto does not use it`;
}

/** `webgpu, fp16, plain attention`. */
export function choiceWords(choice: DeviceChoice): string {
  return `${deviceName(choice)}, ${choice.arithmetic} arithmetic, ${choice.attention} attention`;
}

export function rounded(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : rate.toFixed(0);
}
