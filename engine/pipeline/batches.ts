import type { Frame } from "../media/frame.ts";
import type { Batch, BatchPlan } from "../upscalers/upscaler.ts";

/**
 * Cuts a stream of frames into batches as the plan says: each owns `plan.owned` frames (the last one what is left),
 * with up to `before` and `after` frames of context where the clip has them. A stream that does not begin with the
 * clip says the clip's indices of its first frame and of the first one to be owned. Holds one batch with its context
 * in memory.
 */
export async function* batchesOf(
  frames: AsyncIterable<Frame>,
  plan: BatchPlan,
  from: { first: number; owned: number } = { first: 0, owned: 0 },
): AsyncGenerator<Batch> {
  let held: Frame[] = [];
  let heldFirst = from.first; // clip index of held[0]
  let next = from.owned; // clip index of the next frame to be owned
  const batch = (count: number): Batch => {
    const start = next - heldFirst;
    const frames = held.slice(0, start + count + plan.after);
    const made = { frames, owned: { start, count }, first: heldFirst };
    next += count;
    const drop = Math.max(0, next - plan.before - heldFirst);
    held = held.slice(drop);
    heldFirst += drop;
    return made;
  };
  for await (const frame of frames) {
    held.push(frame);
    if (heldFirst + held.length >= next + plan.owned + plan.after) yield batch(plan.owned);
  }
  for (let left = heldFirst + held.length - next; left > 0; left -= plan.owned) yield batch(Math.min(left, plan.owned));
}
