import { GoldenFile } from "./golden-file.ts";
import type { Comparison } from "./comparison.ts";
import type { GoldenCase, GoldenFolder, GoldenNetwork } from "./golden-folder.ts";
import { openAutoencoder, openTransformer, type NetworkRun } from "./networks.ts";
import { runAutoencoderCase } from "./run-autoencoder.ts";
import { runChainCase } from "./run-chain.ts";
import { runFormatsCase } from "./run-formats.ts";
import { runTransformerCase } from "./run-transformer.ts";

type RunCase = (golden: GoldenFile) => Promise<Comparison>;

/** Runs all cases of a golden folder through the product's code; networks are opened once each. */
export async function* runFolder(
  folder: GoldenFolder,
  how: NetworkRun = {},
): AsyncGenerator<{ golden: GoldenCase; comparison: Comparison }> {
  const opened = new Map<GoldenNetwork, RunCase>();
  for (const golden of folder.cases) {
    const run = opened.get(golden.network) ?? (await open(folder, golden.network, how));
    opened.set(golden.network, run);
    const file = await GoldenFile.open(golden.path);
    const comparison = await run(file);
    const missed = file.names.filter((name) => !comparison.computed.has(name) && !comparison.leftOut.includes(name));
    for (const tensor of missed) comparison.findings.push(notComputed(tensor));
    yield { golden, comparison };
  }
}

async function open(folder: GoldenFolder, network: GoldenNetwork, how: NetworkRun): Promise<RunCase> {
  if (folder.kind === "formats") return (golden) => runFormatsCase(network.weights, golden);
  if (folder.kind === "vae") {
    const autoencoder = await openAutoencoder(network, how);
    return (golden) => runAutoencoderCase(autoencoder, golden);
  }
  const transformer = await openTransformer(network, how);
  if (folder.kind !== "chain") return (golden) => runTransformerCase(transformer, golden);
  if (!folder.autoencoder) throw new Error(`${folder.path} has no .vae.weights file.`);
  const autoencoder = await openAutoencoder(folder.autoencoder, how);
  return (golden) => runChainCase({ autoencoder, transformer }, golden);
}

function notComputed(tensor: string): Comparison["findings"][number] {
  const none = { max: Number.NaN, mean: Number.NaN, largest: Number.NaN, aim: {} };
  return { tensor, ...none, ok: false, note: "not computed" };
}
