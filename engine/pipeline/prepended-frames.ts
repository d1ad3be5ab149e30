import type { Frame } from "../media/frame.ts";

/** Indices of a clip of `length` frames with `count` in front: reversed, the first one not doubled. */
export function prepended(length: number, count: number): number[] {
  const own = Array.from({ length }, (_, i) => i);
  const mirror = [...own].reverse().slice(0, -1);
  const missing = Math.max(count - length + 1, 0);
  return [...Array<number>(missing).fill(length - 1), ...mirror.slice(mirror.length - (count - missing)), ...own];
}

/** A clip from its first frame on with `count` frames in front (seedvr2-pipeline.md section 3). Holds `count` + 1 frames. */
export async function* withPrepended(frames: AsyncIterable<Frame>, count: number): AsyncGenerator<Frame> {
  const held: Frame[] = [];
  let begun = false;
  for await (const frame of frames) {
    if (begun) {
      yield frame;
      continue;
    }
    held.push(frame);
    if (held.length <= count) continue;
    begun = true;
    yield* inFront(held, count);
  }
  if (!begun) yield* inFront(held, count);
}

function* inFront(held: readonly Frame[], count: number): Generator<Frame> {
  if (held.length === 0) return;
  for (const index of prepended(held.length, count)) yield held[index] as Frame;
}
