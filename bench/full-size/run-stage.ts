import assert from "node:assert";
import process from "node:process";
import { GraphSession, type SessionOptions } from "../../engine/onnx/session.ts";
import { sizeOf } from "../../engine/onnx/value.ts";
import { WeightDemands } from "../../engine/onnx/weight-demands.ts";
import { AutoencoderNetwork } from "../../engine/seedvr2/autoencoder/autoencoder-network.ts";
import { blockGraph, publishedSettings, transformerPlan } from "../../engine/seedvr2/transformer.ts";
import { openNetworkFile } from "../../engine/seedvr2/weight-file.ts";
import { PROMPT_ROWS } from "./networks.ts";

/**
 * One stage of SeedVR2 by itself, in a process that is looked at from outside: `run-stage.ts STAGE FILE WIDTH HEIGHT
 * FRAMES TILE`, STAGE being encode, decode or transformer (of which one block of each kind is run), TILE 0 for none.
 */
const [stage = "", file = "", ...rest] = process.argv.slice(2);
const [width = 0, height = 0, frames = 1, tile = 0] = rest.map(Number);
const session: SessionOptions = { provider: "cpu", threads: 0, prepack: false };
/** Blocks of a 3B file with weights of their own for text, and with shared ones. */
const BLOCKS = [1, 20];
const latentFrames = 1 + (frames - 1) / 4;

if (stage === "transformer") await runBlocks();
else await runAutoencoder();

async function runBlocks(): Promise<void> {
  const opened = await openNetworkFile(file);
  const { network } = opened;
  assert(network?.kind === "transformer", "a transformer's file");
  const extent = [latentFrames, height / 8, width / 8] as const;
  const parts = { settings: publishedSettings(network), latent: extent, textRows: PROMPT_ROWS };
  const plan = transformerPlan({ ...parts, sizes: network });
  for (const index of BLOCKS) {
    const graph = blockGraph(plan, index, { weights: new WeightDemands(opened) });
    const feeds = graph.inputs.map(({ name, shape }) => {
      return [name, { shape, data: new Float32Array(sizeOf(shape)).fill(0.5) }] as const;
    });
    const ready = await GraphSession.create(graph, session);
    await ready.run(Object.fromEntries(feeds));
    await ready.close();
  }
}

async function runAutoencoder(): Promise<void> {
  const opened = await openNetworkFile(file);
  const { network } = opened;
  assert(network?.kind === "autoencoder", "an autoencoder's file");
  const autoencoder = AutoencoderNetwork.open(opened, network, { session });
  const overlap = Math.floor(tile / 64) * 8;
  const tiling = tile ? { tile: [tile, tile] as const, overlap: [overlap, overlap] as const } : undefined;
  const planes = (channels: number, shape: { frames: number; height: number; width: number }) => {
    const values = shape.frames * channels * shape.height * shape.width;
    return { channels, ...shape, data: new Float32Array(values).fill(0.1) };
  };
  if (stage === "encode") await autoencoder.encode(planes(network.colours, { frames, height, width }), { tiling });
  else {
    const cells = { frames: latentFrames, height: height / 8, width: width / 8 };
    await autoencoder.decode(planes(network.latentChannels, cells), { tiling });
  }
}
