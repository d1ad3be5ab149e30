import assert from "node:assert";
import { availableParallelism, cpus, loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { EngineError } from "../engine/index.ts";
import { table } from "../src/table.ts";

/** The smallest value that at least this share (0 … 1) of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  assert(value !== undefined, "a quantile needs values");
  return value;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Milliseconds that some work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Prints the figures with the machine and its load, without which they say little. */
export function report(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const [one, five] = loadavg();
  const machine = `${cpus()[0]?.model ?? process.arch}, ${availableParallelism()} processors, Node ${process.versions.node}`;
  const load = `load ${one?.toFixed(1)} over 1 minute, ${five?.toFixed(1)} over 5`;
  process.stdout.write(`${table(headings, rows)}\n${machine}; ${load}\n`);
}

/** The command line's options, each `--name N`, a whole number from 1 up; `defaults` says which there are. */
export function numberOptions<Name extends string>(defaults: Readonly<Record<Name, number>>): Record<Name, number> {
  const names = Object.keys(defaults) as Name[];
  const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
  const chosen = names.map((name) => {
    const value = Number(values[name] ?? defaults[name]);
    if (Number.isInteger(value) && value >= 1) return [name, value];
    throw new EngineError("invalid_parameter", {
      what: `--${name} is ${String(values[name])}, which is no number of things.`,
      todo: `Give a whole number from 1 up, e.g. --${name} ${defaults[name]}.`,
    });
  });
  return Object.fromEntries(chosen) as Record<Name, number>;
}
