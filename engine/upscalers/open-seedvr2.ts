import { EngineError } from "../errors.ts";
import type { Lowering } from "../onnx/lowering.ts";
import type { SessionOptions } from "../onnx/session.ts";
import { choiceWords, loweringOf, type DeviceChoice } from "../onnx/device-choice.ts";
import { deviceName } from "../onnx/providers.ts";
import { planesFromRows } from "../seedvr2/latent-layout.ts";
import { noiseStreams, normalNoise } from "../seedvr2/noise.ts";
import { loadPrompt } from "../seedvr2/prompt.ts";
import type { NoiseSource } from "../seedvr2/restoration.ts";
import { publishedAutoencoder } from "../seedvr2/autoencoder/autoencoder-context.ts";
import { AutoencoderNetwork } from "../seedvr2/autoencoder/autoencoder-network.ts";
import { TransformerNetwork } from "../seedvr2/transformer-network.ts";
import { openNetworkFile } from "../seedvr2/weight-file.ts";
import { Seedvr2Upscaler, type Seedvr2Facts } from "./seedvr2.ts";
import type { LoadedModel, ModelFiles, Upscaler } from "./upscaler.ts";

type Seedvr2Files = Extract<ModelFiles, { kind: "seedvr2" }>;

/**
 * Opens the two networks and the prompt of a SeedVR2 model: reads headers, checks that every weight is there, repacks
 * GGUF blocks once for the processor. Weights stay on disk. Throws `checkpoint_malformed`, `not_installed` or `provider_failed`.
 */
export async function openSeedvr2(files: Seedvr2Files, choice: DeviceChoice, threads: number): Promise<LoadedModel> {
  const session: SessionOptions = { provider: choice.provider, index: choice.index, threads, prepack: false };
  const lowering = loweringOf(choice);
  // GPU providers have no operators for repacked blocks: these are decoded whenever they are loaded.
  const file = await openNetworkFile(files.path, lowering.weights === "stored" ? files.cacheDir : undefined);
  if (file.network?.kind !== "transformer") throw wrongNetwork(files.path, "transformer");
  const transformer = await TransformerNetwork.open(file, file.network, { session, lowering });
  const autoencoder = await openAutoencoder(files.autoencoder, { session, lowering: autoencoderLowering(lowering) });
  const prompt = await loadPrompt(file, file.network.textFeatures, files.prompt === null ? [] : [files.prompt]);
  const computedOn = choice.provider === "cpu" ? [] : [`Computed on ${choiceWords(choice)}.`];
  const facts: Seedvr2Facts = {
    warnings: [...file.warnings, ...transformer.warnings, ...computedOn],
    // On a GPU sorting would take longer than the networks.
    colourForm: choice.provider === "cpu" ? "exact" : "histogram",
  };
  return {
    device: deviceName(choice),
    async upscaler(settings): Promise<Upscaler> {
      const networks = { transformer, autoencoder, prompt };
      return new Seedvr2Upscaler(networks, noiseOf(settings.seed), settings, facts);
    },
    close: () => autoencoder.close(), // the transformer's sessions live for one run each
  };
}

/**
 * The autoencoder's attention has one head as wide as the block, over all cells of a frame: GPUs have no fused operator
 * for such heads, and without one the scores of a large picture would be a matrix of gigabytes.
 */
function autoencoderLowering(lowering: Lowering): Lowering {
  return lowering.weights === "stored" ? lowering : { ...lowering, attention: "plain" };
}

async function openAutoencoder(
  path: string,
  computing: { session: SessionOptions; lowering: Lowering },
): Promise<AutoencoderNetwork> {
  const file = await openNetworkFile(path);
  const { network } = file;
  if (network?.kind !== "autoencoder") throw wrongNetwork(path, "autoencoder");
  const groups = network.channels.reduce(commonDivisor, publishedAutoencoder.groups);
  return AutoencoderNetwork.open(file, network, { ...computing, settings: { ...publishedAutoencoder, groups } });
}

/** Groups of the group norms must divide all channels: 32 in the published file, fewer in smaller networks. */
function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** The same for every batch: time starts anew in each. */
function noiseOf(seed: number): NoiseSource {
  return {
    latent: (shape) => normalNoise(shape, seed, noiseStreams.latent),
    augmentation: (shape) => normalNoise(shape, seed, noiseStreams.augmentation),
    input: (frames) => planesFromRows(normalNoise(frames, seed, noiseStreams.input), frames, 1).data,
  };
}

function wrongNetwork(path: string, kind: string): EngineError {
  return new EngineError("checkpoint_malformed", {
    what: `${path} holds no SeedVR2 ${kind}.`,
    todo: "Put the published file in its place.",
    facts: { path, expected: kind },
  });
}
