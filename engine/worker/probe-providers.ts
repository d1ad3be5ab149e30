import { knownProviders, providersFor } from "../onnx/providers.ts";
import { tryProvider } from "../onnx/try-provider.ts";

export interface ProviderReport {
  readonly provider: string;
  readonly works: boolean;
  /** Its own words where it does not. */
  readonly reason?: string;
}

/** Tries each execution provider this platform may have by running the built-in model (its file) on a small picture. */
export async function probeProviders(model: string): Promise<ProviderReport[]> {
  const wanted = new Set([...providersFor("auto", process.platform, false), "cpu"]);
  const reports: ProviderReport[] = [];
  for (const provider of knownProviders.filter((name) => wanted.has(name))) {
    const reason = await tryProvider(provider, model);
    reports.push(reason === null ? { provider, works: true } : { provider, works: false, reason });
  }
  return reports;
}
