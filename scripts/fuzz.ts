/**
 * npm run fuzz -- [--seed N] [--count 2000] [--from 0] [--ffmpeg PATH]
 *
 * Damages small pictures and clips at random and sends each through an engine: no crash, no hang, no task, process or
 * temporary file left. Exits with 1 where something of that happens, and keeps those files.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz/fuzz.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "2000" },
    from: { type: "string", default: "0" },
    ffmpeg: { type: "string" },
  },
});

const folder = await mkdtemp(join(tmpdir(), "seedvr2-fuzz-"));
const begun = performance.now();
const { trials, left } = await fuzz({
  ...{ folder, seed: Number(values.seed), from: Number(values.from), count: Number(values.count) },
  ffmpegPath: values.ffmpeg,
  onTried: ({ index, name, kind, seconds, fault }) => {
    if (fault) process.stdout.write(`${index}: ${name}, ${kind}, after ${seconds.toFixed(1)} s: ${fault}\n`);
    if (index % 100 === 99) process.stderr.write(`${index + 1} tried\n`);
  },
});
for (const each of left) process.stdout.write(`left: ${each}\n`);
const count = (outcome: string) => trials.filter((trial) => trial.outcome === outcome).length;
const faults = trials.filter(({ fault }) => fault !== null);
const slowest = Math.max(...trials.map(({ seconds }) => seconds));
process.stdout.write(
  `seed ${values.seed}: ${trials.length} damaged files in ${((performance.now() - begun) / 1000).toFixed(0)} s: ` +
    `${count("refused")} refused, ${count("completed")} completed, ${count("failed")} failed; ` +
    `slowest ${slowest.toFixed(1)} s; ${faults.length} faults, ${left.length} left behind\n`,
);
if (faults.length + left.length > 0) {
  process.stdout.write(`The files at fault are in ${folder}.\n`);
  process.exitCode = 1;
} else {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
