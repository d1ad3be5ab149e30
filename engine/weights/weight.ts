import assert from "node:assert";
import { readRows } from "./decode.ts";
import { blockFormats, type QuantisedType } from "./gguf-blocks.ts";
import { headsEnding, partEndings, takenApart, type BlockParts } from "./repack.ts";
import type { Checkpoint, StoredTensor } from "./stored-tensor.ts";
import type { StoredType } from "./stored-type.ts";

/** A weight of a network: its tensor, and what its numbers must be combined with to be its values. */
export interface Weight extends Omit<StoredTensor, "type"> {
  /**
   * U4: four-bit integers, two a byte, the first in the low nibble. FP4: four-bit floats (e2m1), two a byte, the first in
   * the high nibble.
   */
  readonly type: StoredType | "U4" | "FP4";
  /** For scaled codes, the factor they are multiplied by: one, or one a row. */
  readonly scale?: StoredTensor;
  /** For blocks: value = step · code − base, for each run of codes along a row. */
  readonly runs?: { readonly length: number; readonly step: WeightPart; readonly base?: WeightPart };
  /** Makes the bytes of rows `from` to `to`, where the file does not hold them in one piece. */
  readonly madeRows?: MadeRows;
  /** Sizes are rounded up to multiples of this; what is surplus stands for zeros. */
  readonly padded?: number;
  /** The values are those of the weight times a rotation, which is its own inverse, of each `group` columns. */
  readonly rotated?: { readonly group: number; readonly matrix: () => Float32Array };
}

/** Numbers that belong to a weight: in the file, or made of what is there when they are asked for. */
export type WeightPart = StoredTensor & { readonly madeRows?: MadeRows; readonly scale?: StoredTensor };

export type MadeRows = (from: number, to: number) => Promise<Uint8Array>;

/** A matrix of GGUF blocks as it lies in its file: taken apart, some rows at a time, whenever they are loaded. */
export function weightOfBlocks(tensor: StoredTensor): Weight {
  const type = tensor.type as QuantisedType;
  const parts = partsMaker(tensor, type, "blocks");
  return {
    ...tensor,
    type: blockFormats[type].bits === 4 ? "U4" : "I8",
    madeRows: parts("integers"),
    runs: madeRuns(tensor, type, parts),
  };
}

/** The weight `name` whose integers are a tensor of a repacked file; nothing where that holds no steps for them. */
export function repackedWeight(
  name: string,
  integers: StoredTensor,
  tensors: Checkpoint["tensors"],
): Weight | undefined {
  const [rows = 0, stored = 0] = integers.shape;
  const fourBits = integers.type === "U8";
  const columns = fourBits ? 2 * stored : stored;
  const weight = { ...integers, name, type: fourBits ? ("U4" as const) : integers.type, shape: [rows, columns] };
  for (const type of keptHeads) {
    const heads = tensors.get(name + headsEnding(type));
    if (heads) return { ...weight, runs: madeRuns(weight, type, partsMaker(heads, type, "heads")) };
  }
  const step = tensors.get(name + partEndings.step);
  if (!step) return undefined;
  const base = tensors.get(name + partEndings.base);
  return { ...weight, runs: { length: columns / (step.shape[1] ?? 1), step, ...(base && { base }) } };
}

const keptHeads = (Object.keys(blockFormats) as QuantisedType[]).filter((type) => blockFormats[type].head);

type PartsMaker = (part: keyof BlockParts) => MadeRows;

/** Steps and bases of a weight, made of its blocks or of their heads. */
function madeRuns(
  { shape, ...place }: Omit<StoredTensor, "type">,
  type: QuantisedType,
  parts: PartsMaker,
): NonNullable<Weight["runs"]> {
  const { run, hasBase } = blockFormats[type];
  const [rows = 0, columns = 0] = shape;
  const part = (made: keyof BlockParts): WeightPart => ({
    ...{ ...place, type: "F32", shape: [rows, columns / run], length: (4 * rows * columns) / run },
    madeRows: parts(made),
  });
  return { length: run, step: part("step"), ...(hasBase && { base: part("base") }) };
}

/**
 * The parts of rows are asked for one after the other: those of the last rows are remembered until each was handed out
 * once. Kept any longer they would be a second copy of the network in memory.
 */
function partsMaker(tensor: StoredTensor, type: QuantisedType, form: "blocks" | "heads"): PartsMaker {
  const wanted = [
    ...(form === "blocks" ? (["integers"] as const) : []),
    ...(blockFormats[type].hasBase ? (["step", "base"] as const) : (["step"] as const)),
  ];
  let last: RowParts | undefined;
  const read = (from: number, to: number): RowParts => {
    const parts = readRows(tensor, from, to).then((bytes) => takenApart(type, bytes, form));
    return { from, to, parts, left: new Set(wanted) };
  };
  return (part) => async (from, to) => {
    const rows = last?.from === from && last.to === to && last.left.has(part) ? last : read(from, to);
    rows.left.delete(part);
    last = rows.left.size > 0 ? rows : undefined;
    const bytes = (await rows.parts)[part];
    assert(bytes, `blocks of ${type} have no ${part}`);
    return bytes;
  };
}

/** Rows taken apart, and the parts of them that nobody has asked for yet. */
interface RowParts {
  readonly from: number;
  readonly to: number;
  readonly parts: Promise<BlockParts>;
  readonly left: Set<keyof BlockParts>;
}
