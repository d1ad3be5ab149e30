import type { Planes } from "../../engine/colour/planes.ts";
import type { AutoencoderNetwork } from "../../engine/seedvr2/autoencoder/autoencoder-network.ts";
import type { Sides } from "../../engine/seedvr2/autoencoder/tiles.ts";
import { autoencoderAims } from "./aims.ts";
import { Comparison } from "./comparison.ts";
import type { GoldenFile, GoldenTensor } from "./golden-file.ts";

/** Runs a case of kind vae: encodes `x`, decodes the file's own latent, and compares. */
export async function runAutoencoderCase(network: AutoencoderNetwork, golden: GoldenFile): Promise<Comparison> {
  const comparison = new Comparison(golden, autoencoderAims);
  const traced: [string, Planes][] = [];
  const tiled = golden.has("tile_size");
  const sides = async (name: string) => (await golden.integers(name)) as unknown as Sides;
  const pass = {
    ...(tiled && { tiling: { tile: await sides("tile_size"), overlap: await sides("tile_overlap") } }),
    ...(golden.names.some((name) => /^(enc|dec)\./.test(name)) && {
      trace: (name: string, { shape, data }: { shape: readonly number[]; data: Float32Array }) => {
        const [frames = 0, channels = 0, height = 0, width = 0] = shape;
        traced.push([name, { frames, channels, height, width, data: data as Float32Array<ArrayBuffer> }]);
      },
    }),
  };
  const compare = async (name: string, planes: Planes) => {
    const { shape, data } = goldenLayout(planes);
    await comparison.compare(name, shape, data);
  };
  if (golden.has("x")) await compare("latent_mode", await network.encode(fromGolden(await golden.tensor("x")), pass));
  if (golden.has("latent_mode")) {
    await compare("decoded", await network.decode(fromGolden(await golden.tensor("latent_mode")), pass));
  }
  for (const [name, planes] of traced) await compare(name, planes);
  comparison.leaveOut(["x", "tile_size", "tile_overlap"]);
  return comparison;
}

/** [1, channels, time, h, w] → [time, channels, h, w]. */
function fromGolden({ shape, data }: GoldenTensor): Planes {
  const [, channels = 0, frames = 0, height = 0, width = 0] = shape;
  return { frames, channels, height, width, data: swapped(data, channels, frames, height * width) };
}

function goldenLayout({ frames, channels, height, width, data }: Planes): GoldenTensor {
  return { shape: [1, channels, frames, height, width], data: swapped(data, frames, channels, height * width) };
}

/** [a, b, area] → [b, a, area]. */
function swapped(data: Float32Array, a: number, b: number, area: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) out.set(data.subarray((i * b + j) * area, (i * b + j + 1) * area), (j * a + i) * area);
  }
  return out;
}
