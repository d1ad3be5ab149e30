import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Frame, Samples } from "../../engine/media/frame.ts";
import { samples } from "../../engine/media/frame.ts";
import type { Batch, Upscaler } from "../../engine/upscalers/upscaler.ts";

/** A frame of soft runs with a sharp diagonal, different for each time. */
export function aFrame(
  width: number,
  height: number,
  options: Partial<Pick<Frame, "depth" | "time">> & { alpha?: boolean } = {},
): Frame {
  const { depth = 8, time = 0n, alpha = false } = options;
  const peak = 2 ** depth - 1;
  const fill = (channels: number): Samples =>
    samples(depth, width * height * channels).map((_, index) => {
      const [x, y] = [Math.floor(index / channels) % width, Math.floor(index / channels / width)];
      const run = (x / width + y / height + Number(time) / 10 + (index % channels) / 3) % 1;
      return Math.round(peak * (x > y ? run : 1 - run));
    }) as Samples;
  return { width, height, depth, time, rgb: fill(3), ...(alpha && { alpha: fill(1) }) };
}

function batchOf(frames: readonly Frame[], start = 0, count = frames.length - start): Batch {
  return { frames, owned: { start, count }, first: 0 };
}

/**
 * What every upscaler must do, for targets of `scale` times the source. `untrained`: its network's weights are random, so
 * that nothing can be said of the picture.
 */
export function upscalerContract(
  name: string,
  scale: number,
  open: () => Promise<Upscaler>,
  { untrained = false } = {},
): void {
  describe(`upscaler: ${name}`, () => {
    let upscaler: Upscaler;
    beforeAll(async () => void (upscaler = await open()));
    afterAll(() => upscaler.close());
    const target = { width: 24 * scale, height: 16 * scale };

    it.each([8, 16] as const)(
      "returns the frames it owns at the target's size, %i bits and times kept",
      async (depth) => {
        const frames = [0n, 5n, 7n, 100n].map((time) => aFrame(24, 16, { depth, time }));
        const made = await upscaler.upscale(batchOf(frames, 1, 2), target);
        expect(made.map(({ width, height, depth: bits, time }) => ({ width, height, bits, time }))).toEqual([
          { ...target, bits: depth, time: 5n },
          { ...target, bits: depth, time: 7n },
        ]);
        for (const frame of made) expect(frame.rgb).toHaveLength(target.width * target.height * 3);
      },
    );

    it("enlarges alpha with the picture", async () => {
      const [made] = await upscaler.upscale(batchOf([aFrame(24, 16, { alpha: true })]), target);
      expect(made?.alpha).toHaveLength(target.width * target.height);
    });

    it("gives the same pixels for the same batch, and leaves its frames as they were", async () => {
      const frame = aFrame(24, 16);
      const first = await upscaler.upscale(batchOf([frame]), target);
      const second = await upscaler.upscale(batchOf([frame]), target);
      expect(second).toEqual(first);
      expect(frame).toEqual(aFrame(24, 16));
    });

    it.each([
      [1, 1],
      [1, 9],
      [13, 2],
    ])("takes a frame of %i×%i", async (width, height) => {
      const size = { width: width * scale, height: height * scale };
      const [made] = await upscaler.upscale(batchOf([aFrame(width, height)]), size);
      expect(made).toMatchObject(size);
    });

    it.skipIf(untrained)("keeps the picture: reduced again it is close to the source", async () => {
      const source = aFrame(24, 16);
      const [made] = await upscaler.upscale(batchOf([source]), target);
      let worst = 0;
      for (let y = 2; y < 14; y++)
        for (let x = y + 3; x < 22; x++) worst = Math.max(worst, difference(made!, source, x, y));
      expect(worst).toBeLessThan(24);
    });

    /** Of 255: how far the mean of the enlarged pixel's block is from the source's pixel. */
    function difference(made: Frame, source: Frame, x: number, y: number): number {
      let sum = 0;
      for (let j = 0; j < scale; j++)
        for (let i = 0; i < scale; i++) sum += made.rgb[((y * scale + j) * made.width + x * scale + i) * 3]!;
      return Math.abs(sum / scale ** 2 - source.rgb[(y * source.width + x) * 3]!);
    }
  });
}
