import type { Network } from "../../weights/network.ts";
import { countOf } from "../../weights/stored-type.ts";

/** Tensors that do one kind of work, and between what their size is plausible. */
export interface Kind {
  readonly name: string;
  /** What the root of the mean square is given in: one over the root of what a row sums, or as it is. */
  readonly unit: "1/√width" | "1";
  readonly least: number;
  readonly most: number;
}

/**
 * The bounds are generous on purpose: no published file could be looked at when they were chosen. A layer that keeps
 * what flows through it at its size has matrices near 1 in these units, and norms near 1 (seedvr2-dit.md). Codes taken
 * without their scales are off by hundreds, so that 50 either way tells them and lets a trained network be as it is.
 */
const FACTOR = 50;

const matrix = (name: string): Kind => ({ name, unit: "1/√width", least: 1 / FACTOR, most: FACTOR });
const near1 = (name: string): Kind => ({ name, unit: "1", least: 1 / FACTOR, most: FACTOR });
/** May be anything but large: nothing speaks against zeros. */
const small = (name: string): Kind => ({ name, unit: "1", least: 0, most: FACTOR });
/** Nothing is known of their size, or nothing depends on it. */
const any = (name: string): Kind => ({ name, unit: "1", least: 0, most: Infinity });

/** By name, the first that fits. */
const kinds: readonly (readonly [RegExp, Kind])[] = [
  [/\.freqs$/, any("rotary frequencies")],
  [/positive_conditioning$/, any("prompt embedding")],
  [/norm.*\.weight$/, near1("norms")],
  [/_scale$/, small("modulation scales")],
  [/_(shift|gate)$/, small("modulation shifts and gates")],
  [/bias$/, small("biases")],
  [/^(vid_in|txt_in|emb_in)\./, matrix("input layers")],
  [/^vid_out\./, matrix("output layer")],
  [/proj_qkv/, matrix("attention in")],
  [/attn\.proj_out/, matrix("attention out")],
  [/mlp\..*proj_in/, matrix("MLP in")],
  [/mlp\..*proj_out/, matrix("MLP out")],
  [/^encoder\./, matrix("encoder layers")],
  [/^decoder\./, matrix("decoder layers")],
];

/** What a tensor of a network is. */
export function kindOf(name: string, network: Network): Kind {
  if (isWithoutEffect(name, network)) return any("without effect on the picture");
  return kinds.find(([pattern]) => pattern.test(name))?.[1] ?? any("other");
}

/** True for matrices, which compute nothing where all values are the same. */
export function isMatrix({ unit }: Kind): boolean {
  return unit === "1/√width";
}

/** A root of a mean square in its kind's unit. */
export function inUnit({ unit }: Kind, rms: number, shape: readonly number[]): number {
  return unit === "1" ? rms : rms * Math.sqrt(countOf(shape.slice(1)));
}

/**
 * In the last block nothing but the text's keys and values matters (seedvr2-dit.md section 4); training, which never
 * reaches the rest, may have left it anywhere.
 */
function isWithoutEffect(name: string, network: Network): boolean {
  if (network.kind !== "transformer") return false;
  const last = `blocks.${network.blocks.length - 1}.`;
  return name.startsWith(last) && name.includes(".txt") && !/proj_qkv|norm_k|ada.*attn_(shift|scale)/.test(name);
}
