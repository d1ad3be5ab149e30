import { AutoencoderNetwork } from "../../engine/seedvr2/autoencoder/autoencoder-network.ts";
import { publishedAutoencoder } from "../../engine/seedvr2/autoencoder/autoencoder-context.ts";
import { processorLowering, type Lowering } from "../../engine/onnx/lowering.ts";
import type { Provider } from "../../engine/onnx/providers.ts";
import { publishedSettings, type TransformerSettings } from "../../engine/seedvr2/transformer.ts";
import { TransformerNetwork } from "../../engine/seedvr2/transformer-network.ts";
import { openNetworkFile } from "../../engine/seedvr2/weight-file.ts";
import type { Extent, WindowMethod } from "../../engine/seedvr2/windows.ts";
import type { TransformerSizes } from "../../engine/weights/network.ts";
import type { GoldenNetwork } from "./golden-folder.ts";

/** How the networks of goldens are run; as the product does on the processor where nothing is said. */
export interface NetworkRun {
  readonly provider?: Provider;
  readonly lowering?: Lowering;
  /** Where GGUF blocks are repacked to; else they are decoded. */
  readonly cacheFolder?: string;
}

function computing({ provider = "cpu", lowering = processorLowering }: NetworkRun) {
  return { session: { provider, threads: 2, prepack: false }, lowering };
}

/** The transformer of a golden, with the settings of its configuration. */
export async function openTransformer(
  { weights, config }: GoldenNetwork,
  run: NetworkRun = {},
): Promise<TransformerNetwork> {
  const file = await openNetworkFile(weights, run.cacheFolder);
  if (file.network?.kind !== "transformer") throw new Error(`${weights} holds no SeedVR2 transformer.`);
  const settings = transformerSettings(file.network, config);
  return TransformerNetwork.open(file, file.network, { ...computing(run), settings });
}

/** The autoencoder of a golden; its group count is in no tensor. */
export async function openAutoencoder(
  { weights, config }: GoldenNetwork,
  run: NetworkRun = {},
): Promise<AutoencoderNetwork> {
  const file = await openNetworkFile(weights);
  if (file.network?.kind !== "autoencoder") throw new Error(`${weights} holds no SeedVR2 autoencoder.`);
  const groups =
    typeof config["norm_num_groups"] === "number" ? config["norm_num_groups"] : publishedAutoencoder.groups;
  return AutoencoderNetwork.open(file, file.network, {
    ...computing(run),
    settings: { ...publishedAutoencoder, groups },
  });
}

/** Settings out of a reference configuration; what it does not say is as in the published networks. */
function transformerSettings(sizes: TransformerSizes, config: Readonly<Record<string, unknown>>): TransformerSettings {
  const published = publishedSettings(sizes);
  const requests = config["window"] as readonly Extent[] | undefined;
  const methods = config["window_method"] as readonly WindowMethod[] | undefined;
  return {
    eps: typeof config["norm_eps"] === "number" ? config["norm_eps"] : published.eps,
    windows: published.windows.map((rule, i) => ({
      request: requests?.[i] ?? rule.request,
      method: methods?.[i] ?? rule.method,
    })),
  };
}
