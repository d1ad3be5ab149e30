import { openNetworkOn } from "./open-network.ts";

/** Picture the trial runs on, pixels a side. */
const SIDE = 16;

/** Runs the built-in model once on a provider; null where that works, else the provider's own words. */
export async function tryProvider(provider: string, model: string): Promise<string | null> {
  try {
    const network = await openNetworkOn(provider, { path: model, threads: 1 });
    const dims = [1, SIDE, SIDE, 3, 1];
    await network.run({ pixels: { type: "uint8", dims, data: new Uint8Array(SIDE * SIDE * 3).fill(128) } });
    await network.close();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
