import { describe, expect, it, vi } from "vitest";
import type { Planes } from "../../engine/colour/planes.ts";
import { GraphSession } from "../../engine/onnx/session.ts";
import type { AutoencoderPass } from "../../engine/seedvr2/autoencoder/autoencoder-network.ts";
import { openAutoencoder } from "../../scripts/parity/networks.ts";
import { golden } from "../fixtures/golden-path.ts";
import { waves } from "../onnx/weight-fixtures.ts";

const tiny = { weights: golden("vae/vae_tiny.weights.safetensors"), config: { norm_num_groups: 8 } };

const clip = (frames: number, height = 16, width = 24): Planes => ({
  frames,
  channels: 3,
  height,
  width,
  data: waves(frames * 3 * height * width, 0.001),
});

describe("the autoencoder", () => {
  it("makes a latent frame of the first frame and of each four after it, and frames of those again", async () => {
    const network = await openAutoencoder(tiny);
    const latent = await network.encode(clip(9));
    expect(latent).toMatchObject({ frames: 3, channels: 16, height: 2, width: 3 });
    expect(await network.decode(latent)).toMatchObject({ frames: 9, channels: 3, height: 16, width: 24 });
  });

  it("is causal: later frames change nothing before them", async () => {
    const network = await openAutoencoder(tiny);
    const long = await network.encode(clip(9));
    const short = await network.encode({ ...clip(5), data: clip(9).data.slice(0, clip(5).data.length) });
    short.data.forEach((value, i) => expect(value).toBeCloseTo(long.data[i] ?? Number.NaN, 4));
  });

  it("sees a picture as a clip of one frame", async () => {
    const network = await openAutoencoder(tiny);
    const picture = await network.encode(clip(1));
    const first = (await network.encode(clip(5))).data.slice(0, picture.data.length);
    picture.data.forEach((value, i) => expect(value).toBeCloseTo(first[i] ?? Number.NaN, 4));
  });

  it("makes the sessions of each shape of tiles once, in whatever order they lie", async () => {
    const network = await openAutoencoder(tiny);
    const create = vi.spyOn(GraphSession, "create");
    // 3 × 3 tiles of 3 × 3 cells, but for those at the far edges: four shapes.
    await network.encode(clip(1, 56, 56), { tiling: { tile: [24, 24], overlap: [0, 0] } });
    expect(create).toHaveBeenCalledTimes(4);
    create.mockRestore();
  });

  it("reports each tile and slice, and stops between two when told so", async () => {
    const network = await openAutoencoder(tiny);
    const stop = new AbortController();
    const parts: number[] = [];
    const pass: AutoencoderPass = {
      tiling: { tile: [16, 16], overlap: [8, 8] },
      signal: stop.signal,
      onPart: (done, of) => {
        expect(of).toBe(4);
        parts.push(done);
        if (done === 3) stop.abort();
      },
    };
    await expect(network.encode(clip(9), pass)).rejects.toThrow(/abort/i);
    expect(parts).toEqual([1, 2, 3]);
  });

  it("gives the same with sessions kept from another clip or of another shape", async () => {
    const [fresh, kept] = [await openAutoencoder(tiny), await openAutoencoder(tiny)];
    for (const [frames, height] of [
      [5, 16],
      [5, 16],
      [5, 32],
      [1, 32],
    ] as const) {
      const latent = await kept.encode(clip(frames, height), { keep: true });
      expect(latent).toEqual(await fresh.encode(clip(frames, height)));
      expect(await kept.decode(latent, { keep: true })).toEqual(await fresh.decode(latent));
    }
    await kept.close();
  });

  it.each([2, 4, 6])("refuses %i frames, which are not 4n + 1", async (frames) => {
    const network = await openAutoencoder(tiny);
    await expect(network.encode(clip(frames))).rejects.toThrow(/4n\+1/);
  });
});
