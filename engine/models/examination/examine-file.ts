import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { asEngineError } from "../../errors.ts";
import { openCheckpoint } from "../../weights/checkpoint.ts";
import { readRange } from "../../weights/decode.ts";
import { isQuantised } from "../../weights/gguf-blocks.ts";
import { networkIn, type Network } from "../../weights/network.ts";
import { networkWeights } from "../../weights/network-weights.ts";
import { sampledFigures, type SampledFigures } from "../../weights/sampled-figures.ts";
import type { Checkpoint, StoredTensor } from "../../weights/stored-tensor.ts";
import { countOf } from "../../weights/stored-type.ts";
import type { Weight } from "../../weights/weight.ts";
import { promptTensor } from "../look-into.ts";
import { inUnit, isMatrix, kindOf, type Kind } from "./kinds.ts";

/** What was found in a file. Nothing in it says where the file lies. */
export interface Examination {
  readonly bytes: number;
  /** Faults of the file, finished sentences; none where it is as such files are. */
  readonly faults: readonly string[];
  /** Not there where the header cannot be read or holds no network of ours. */
  readonly content?: ExaminedContent;
}

export interface ExaminedContent {
  readonly format: Checkpoint["format"];
  /** SHA-256 of all that stands in front of the first tensor's bytes. */
  readonly headerSha256: string;
  readonly network: Network;
  readonly tensors: number;
  /** How many weights are stored in which way. */
  readonly storage: ReadonlyMap<string, number>;
  readonly kinds: readonly ExaminedKind[];
  /** Values that were looked at. */
  readonly values: number;
}

export interface ExaminedKind {
  readonly kind: Kind;
  readonly tensors: number;
  /** Smallest and largest root of a tensor's mean square, in the kind's unit. */
  readonly least: number;
  readonly most: number;
}

export interface ExamineOptions {
  /** Rows of each matrix that are looked at, in three places; vectors are looked at whole. */
  readonly rows: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks at a checkpoint's header, the types of its tensors and samples of their values. What is wrong with the file is
 * told in the result; rejects only where the machine cannot read it, or with the signal's reason.
 */
export async function examineFile(path: string, options: ExamineOptions): Promise<Examination> {
  const { size: bytes } = await stat(path);
  try {
    const checkpoint = await openCheckpoint(path);
    const weights = await networkWeights(checkpoint);
    const network = networkIn(path, weights);
    if (!network) return { bytes, faults: [`${basename(path)} holds no network of SeedVR2.`] };
    const looks = await lookAtAll([...weights.values(), ...promptIn(checkpoint)], network, options);
    const content: ExaminedContent = {
      ...{ format: checkpoint.format, network, tensors: checkpoint.tensors.size },
      headerSha256: await headerSha256(checkpoint),
      storage: counted([...weights.values()].map((weight) => storageOf(weight, checkpoint.tensors.get(weight.name)))),
      kinds: kindsOf(looks),
      values: looks.reduce((sum, { figures }) => sum + figures.values, 0),
    };
    return { bytes, content, faults: looks.flatMap((look) => faultOf(look) ?? []) };
  } catch (error) {
    const { code, what } = asEngineError(error);
    if (code !== "checkpoint_malformed") throw error;
    return { bytes, faults: [what] };
  }
}

interface Look {
  readonly name: string;
  readonly kind: Kind;
  readonly figures: SampledFigures;
  /** Root of the mean square in the kind's unit. */
  readonly size: number;
}

async function lookAtAll(weights: readonly Weight[], network: Network, options: ExamineOptions): Promise<Look[]> {
  const looks: Look[] = [];
  for (const weight of weights) {
    options.signal?.throwIfAborted();
    const kind = kindOf(weight.name, network);
    const figures = await sampledFigures(weight, options.rows);
    looks.push({ name: weight.name, kind, figures, size: inUnit(kind, figures.rms, weight.shape) });
  }
  return looks;
}

function promptIn({ tensors }: Checkpoint): Weight[] {
  const prompt = tensors.get(promptTensor);
  return prompt ? [prompt] : [];
}

function faultOf({ name, kind, figures, size }: Look): string | undefined {
  const { values, nonFinite, least, most } = figures;
  if (nonFinite > 0) return `${name} holds ${nonFinite} values that are no numbers, among ${values} looked at.`;
  if (isMatrix(kind) && least === most) return `${name} has the same value (${least}) wherever it was looked at.`;
  if (size >= kind.least && size <= kind.most) return undefined;
  const unit = kind.unit === "1" ? "" : ` times ${kind.unit}`;
  return `${name} has a mean size of ${rounded(size)}${unit}; ${kind.least} to ${kind.most} is plausible, so its scale may be wrong.`;
}

/** Three digits that count. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function kindsOf(looks: readonly Look[]): ExaminedKind[] {
  const byName = new Map<string, Look[]>();
  for (const look of looks) byName.set(look.kind.name, [...(byName.get(look.kind.name) ?? []), look]);
  return [...byName.values()].map((same) => {
    const sizes = same.map(({ size }) => size);
    return {
      kind: (same[0] as Look).kind,
      ...{ tensors: same.length, least: Math.min(...sizes), most: Math.max(...sizes) },
    };
  });
}

/** A weight's storage in words: "I8, scale per row, rotated by 256". */
function storageOf({ type, runs, scale, rotated }: Weight, stored: StoredTensor | undefined): string {
  if (stored && isQuantised(stored.type)) return stored.type;
  return [
    type,
    ...(runs ? [`steps for ${runs.length}`] : []),
    ...(scale ? [countOf(scale.shape) > 1 ? "scale per row" : "one scale"] : []),
    ...(rotated ? [`rotated by ${rotated.group}`] : []),
  ].join(", ");
}

function counted(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

async function headerSha256({ path, tensors }: Checkpoint): Promise<string> {
  const end = [...tensors.values()].reduce((least, { offset }) => Math.min(least, offset), Infinity);
  const file = await open(path, "r");
  try {
    return createHash("sha256")
      .update(await readRange(file, 0, end))
      .digest("hex");
  } finally {
    await file.close();
  }
}
