import type { ModelEntry } from "../schemas/results.ts";
import type { FoundCheckpoint } from "./find-checkpoints.ts";
import { paramsOf, precisionOf } from "./found-model.ts";

/** Models with the names of those that are installed and hold the same network, of size and variant, stored otherwise. */
export function withSameNetwork(
  models: readonly ModelEntry[],
  found: ReadonlyMap<string, FoundCheckpoint>,
): ModelEntry[] {
  const all = models.map((model) => ({ model, network: networkOf(model, found) }));
  return all.map(({ model, network }) => {
    const others = all.filter((other) => other.network.isHere && isAnotherForm(network, other.network));
    return others.length > 0 ? { ...model, same_network: others.map((other) => other.model.name) } : model;
  });
}

interface Network {
  readonly isHere: boolean;
  /** Parameters and variant; none of the built-in model's. */
  readonly name: string | null;
  readonly precision: string;
  /** Finer than precision, where the file is here. */
  readonly storage: string | null;
}

/** By content where the file is here and can be read, else as published. */
function networkOf({ name, params, precision, variant, builtin }: ModelEntry, found: ReadonlyMap<string, FoundCheckpoint>) {
  const content = found.get(name)?.content;
  const known = content?.kind === "transformer" ? content : null;
  return {
    isHere: known !== null,
    name: builtin ? null : `${known ? paramsOf(known) : params} ${variant ?? ""}`,
    precision: known ? precisionOf(known.storage) : precision,
    storage: known?.storage ?? null,
  } satisfies Network;
}

function isAnotherForm(a: Network, b: Network): boolean {
  if (a.name === null || a.name !== b.name) return false;
  return a.storage !== null && b.storage !== null ? a.storage !== b.storage : a.precision !== b.precision;
}
