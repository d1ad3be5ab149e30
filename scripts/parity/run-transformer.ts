import { gridOf } from "../../engine/seedvr2/patch.ts";
import type { TransformerNetwork } from "../../engine/seedvr2/transformer-network.ts";
import { windowsOf, type Extent, type WindowMethod } from "../../engine/seedvr2/windows.ts";
import { Comparison } from "./comparison.ts";
import type { GoldenFile } from "./golden-file.ts";
import { transformerAims } from "./aims.ts";

const INPUTS = ["vid", "txt", "timestep", "vid_shape", "txt_shape"];
/** Of other weights or tables than ours; for information. */
const INFORMATION = ["out_stored_freqs", "out_fp32"];

/** Runs a case of kind dit or storage and compares all intermediates. */
export async function runTransformerCase(network: TransformerNetwork, golden: GoldenFile): Promise<Comparison> {
  const comparison = new Comparison(golden, transformerAims);
  const extent = (await golden.integers("vid_shape")) as unknown as Extent;
  const traced: [string, readonly number[], Float32Array][] = [];
  const latent = (await golden.tensor("vid")).data;
  const out = await network.run({
    extent,
    latent,
    prompt: await golden.tensor("txt"),
    timestep: (await golden.integers("timestep"))[0] ?? 0,
    trace: (name, { shape, data }) => traced.push([name, shape, data]),
  });
  for (const [name, shape, data] of traced) await comparison.compare(name, shape, data);
  await comparison.compare("out", [extent[0] * extent[1] * extent[2], network.sizes.channelsOut], out);
  for (const rule of network.settings.windows) {
    const name = `windows.${rule.method satisfies WindowMethod}`;
    const windows = windowsOf(gridOf(extent), rule);
    if (!comparison.computed.has(name)) await comparison.compare(name, [windows.length, 6], windows.flat());
  }
  comparison.leaveOut([...INPUTS, ...INFORMATION]);
  return comparison;
}
