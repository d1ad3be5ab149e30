import { availableParallelism } from "node:os";
import { EngineError } from "../errors.ts";
import type { SessionOptions } from "../onnx/session.ts";
import { providersFor } from "../onnx/providers.ts";
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
 * GGUF blocks once. Weights stay on disk. Throws `checkpoint_malformed`, `not_installed` or `provider_failed`.
 */
export async function openSeedvr2(files: Seedvr2Files, device: string, threads: number): Promise<LoadedModel> {
  const provider = providerOf(device);
  const session: SessionOptions = { provider, threads: threads || availableParallelism(), prepack: false };
  const file = await openNetworkFile(files.path, files.cacheDir);
  if (file.network?.kind !== "transformer") throw wrongNetwork(files.path, "transformer");
  const transformer = await TransformerNetwork.open(file, file.network, { session });
  const autoencoder = await openAutoencoder(files.autoencoder, session);
  const prompt = await loadPrompt(file, file.network.textFeatures, files.prompt === null ? [] : [files.prompt]);
  const facts: Seedvr2Facts = {
    warnings: [...file.warnings, ...transformer.warnings],
    // On a GPU sorting would take longer than the networks.
    colourForm: provider === "cpu" ? "exact" : "histogram",
  };
  return {
    device: provider,
    async upscaler(settings): Promise<Upscaler> {
      const networks = { transformer, autoencoder, prompt };
      return new Seedvr2Upscaler(networks, noiseOf(settings.seed), settings, facts);
    },
    close: async () => {}, // sessions live for one run each
  };
}

/** GPUs are used where one is asked for; `auto` does not, because the networks have not been tried on any. */
function providerOf(device: string): string {
  const [first = "cpu"] = device === "auto" ? [] : providersFor(device, process.platform, false);
  return first;
}

async function openAutoencoder(path: string, session: SessionOptions): Promise<AutoencoderNetwork> {
  const file = await openNetworkFile(path);
  const { network } = file;
  if (network?.kind !== "autoencoder") throw wrongNetwork(path, "autoencoder");
  const groups = network.channels.reduce(commonDivisor, publishedAutoencoder.groups);
  return AutoencoderNetwork.open(file, network, { session, settings: { ...publishedAutoencoder, groups } });
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
