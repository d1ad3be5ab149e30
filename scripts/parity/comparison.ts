import { f32Data, type TensorData } from "../../engine/weights/safetensors-writer.ts";
import type { GoldenFile } from "./golden-file.ts";

/** How far a computed tensor may be from its golden. */
export interface Aim {
  /** Largest and mean absolute difference. */
  readonly max?: number;
  readonly mean?: number;
  /** Share of the values that may differ by more than `over`. */
  readonly share?: { readonly over: number; readonly most: number };
}

/** The aim of a tensor as a function of the golden's largest absolute value. */
export type AimFor = (name: string, largest: number) => Aim;

/** What was found for a tensor. */
export interface Finding {
  readonly tensor: string;
  readonly max: number;
  readonly mean: number;
  /** Share over the aim's threshold, where it has one. */
  readonly over?: number;
  readonly largest: number;
  readonly aim: Aim;
  readonly ok: boolean;
  /** What is wrong apart from values. */
  readonly note?: string;
}

/** Compares what a run computes with the tensors of a golden file, and keeps both findings and results. */
export class Comparison {
  readonly findings: Finding[] = [];
  /** What was computed, under the golden's names. */
  readonly computed = new Map<string, TensorData>();
  readonly leftOut: string[] = [];
  readonly #golden: GoldenFile;
  readonly #aimFor: AimFor;

  constructor(golden: GoldenFile, aimFor: AimFor) {
    this.#golden = golden;
    this.#aimFor = aimFor;
  }

  /** Compares a tensor if the golden holds it. */
  async compare(name: string, shape: readonly number[], values: ArrayLike<number>): Promise<void> {
    if (!this.#golden.has(name)) return;
    const data = Float32Array.from(values);
    this.computed.set(name, f32Data(shape, data));
    const golden = await this.#golden.tensor(name);
    if (golden.shape.join() !== shape.join()) {
      const note = `shape [${shape.join(",")}], golden [${golden.shape.join(",")}]`;
      const none = { max: Number.NaN, mean: Number.NaN, largest: Number.NaN };
      this.findings.push({ tensor: name, ...none, aim: {}, ok: false, note });
      return;
    }
    this.findings.push(judge(name, data, golden.data, this.#aimFor));
  }

  /**
   * Compares [T, H, W, 4] if the golden holds it, in two findings, because the aims of colours and alpha differ.
   * `colours`: [T, H, W, 3], `alpha`: [T, 1, H, W].
   */
  async compareRgba(name: string, shape: readonly number[], colours: Float32Array, alpha: Float32Array): Promise<void> {
    if (!this.#golden.has(name)) return;
    const whole = new Float32Array(alpha.length * 4);
    const golden = (await this.#golden.tensor(name)).data;
    const goldenColours = colours.map((_, i) => golden[Math.floor(i / 3) * 4 + (i % 3)] as number);
    const goldenAlpha = alpha.map((_, i) => golden[4 * i + 3] as number);
    colours.forEach((value, i) => void (whole[Math.floor(i / 3) * 4 + (i % 3)] = value));
    alpha.forEach((value, i) => void (whole[4 * i + 3] = value));
    this.computed.set(name, f32Data(shape, whole));
    this.findings.push(judge(name, colours, goldenColours, this.#aimFor));
    this.findings.push(judge(`${name}, alpha`, alpha, goldenAlpha, this.#aimFor));
  }

  /** Tensors of the golden that are inputs, or that this run leaves out on purpose. */
  leaveOut(names: readonly string[]): void {
    this.leftOut.push(...names);
  }
}

/** Differences of two tensors, held against the aim. A value that is not finite where the golden's is, is wrong. */
export function judge(tensor: string, computed: Float32Array, golden: Float32Array, aimFor: AimFor): Finding {
  let [max, sum, largest] = [0, 0, 0];
  for (let i = 0; i < golden.length; i++) {
    largest = Math.max(largest, Math.abs(golden[i] as number));
    const difference = Math.abs((computed[i] as number) - (golden[i] as number));
    max = difference <= max ? max : difference;
    sum += difference;
  }
  const aim = aimFor(tensor, largest);
  const mean = sum / Math.max(golden.length, 1);
  const threshold = aim.share?.over;
  const over = threshold === undefined ? undefined : shareOver(computed, golden, threshold);
  const ok =
    !(max > (aim.max ?? Number.POSITIVE_INFINITY)) &&
    !(mean > (aim.mean ?? Number.POSITIVE_INFINITY)) &&
    !((over ?? 0) > (aim.share?.most ?? 1)) &&
    Number.isFinite(mean);
  return { tensor, max, mean, largest, aim, ok, ...(over !== undefined && { over }) };
}

function shareOver(computed: Float32Array, golden: Float32Array, threshold: number): number {
  let count = 0;
  for (let i = 0; i < golden.length; i++) {
    if (Math.abs((computed[i] as number) - (golden[i] as number)) > threshold) count++;
  }
  return count / Math.max(golden.length, 1);
}
