import { resizeFrame } from "../../engine/media/resize.ts";
import type { BatchPlan, Upscaler } from "../../engine/upscalers/upscaler.ts";

/** An upscaler that computes nothing: proves what lies around the network. */
export function identityUpscaler(plan: BatchPlan = { owned: 1, before: 0, after: 0 }): Upscaler {
  return {
    plan,
    notes: [],
    upscale: ({ frames, owned }, target) =>
      Promise.all(
        frames
          .slice(owned.start, owned.start + owned.count)
          .map((frame) => resizeFrame(frame, target.width, target.height)),
      ),
    close: async () => {},
  };
}
