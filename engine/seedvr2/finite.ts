import { EngineError } from "../errors.ts";

/** The values as they are. Throws `provider_failed` naming the stage where one is no number or infinite. */
export function finite<V extends Float32Array>(values: V, stage: string): V {
  // A sum is finite only if all values are; a large finite sum cannot overflow in double.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  if (Number.isFinite(sum)) return values;
  throw new EngineError("provider_failed", {
    what: `The ${stage} of SeedVR2 computed values that are no numbers.`,
    why: "The checkpoint is damaged, or this device computes it wrongly; nothing of it was written.",
    todo: "Set SEEDVR2_DEVICE=cpu to compute on the processor; if it happens there too, fetch the checkpoint again.",
    facts: { stage },
  });
}
