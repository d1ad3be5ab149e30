import type { Frame, Samples } from "../media/frame.ts";
import { enlargeAlpha } from "./alpha/enlarge-alpha.ts";
import { withoutHiddenColour } from "./alpha/hidden-colour.ts";
import type { Upscaler } from "./upscaler.ts";

/**
 * An upscaler for frames with alpha out of one that knows only colour: what is hidden does not go in, alpha is enlarged
 * beside it and follows what came out. Frames without alpha pass as they are.
 */
export function withAlpha(colour: Upscaler): Upscaler {
  return {
    plan: colour.plan,
    get notes() {
      return colour.notes;
    },
    async upscale(batch, target, options) {
      const made = await colour.upscale({ ...batch, frames: batch.frames.map(withoutHiddenColour) }, target, options);
      return made.map((frame, i) => {
        const source = batch.frames[batch.owned.start + i] as Frame;
        return hasAlpha(source) ? { ...frame, alpha: enlargeAlpha(source, frame) } : frame;
      });
    },
    close: () => colour.close(),
  };
}

function hasAlpha(frame: Frame): frame is Frame & { alpha: Samples } {
  return frame.alpha !== undefined;
}
