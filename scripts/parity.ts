/**
 * npm run parity -- DIR [--out OUT]
 *
 * Runs every case of a golden folder, or of each golden folder in DIR, through the product's code; prints case, tensor,
 * largest and mean error; exits with 1 where an aim is missed. --out writes what was computed to OUT/<case>.safetensors
 * (OUT/<folder>/<case>.safetensors for a folder of folders), under the same names.
 */
import "./parity/no-telemetry.ts";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeSafetensors } from "../engine/weights/safetensors-writer.ts";
import type { Finding } from "./parity/comparison.ts";
import { findGoldenFolders } from "./parity/golden-folder.ts";
import { runFolder } from "./parity/run-folder.ts";

const { positionals, values } = parseArgs({ allowPositionals: true, options: { out: { type: "string" } } });
const [directory] = positionals;
if (directory === undefined || positionals.length > 1) {
  process.stderr.write("Usage: npm run parity -- DIR [--out OUT]\n");
  process.exit(2);
}

const folders = await findGoldenFolders(directory);
if (folders.length === 0) {
  process.stderr.write(
    `${directory} holds no goldens: no <net>.weights.safetensors or .gguf in it or one level below.\n`,
  );
  process.exit(2);
}

let [checked, missed] = [0, 0];
for (const { name, folder } of folders) {
  const out = values.out === undefined ? undefined : name === undefined ? values.out : join(values.out, name);
  if (out !== undefined) await mkdir(out, { recursive: true });
  process.stdout.write(`${folder.path} (${folder.kind})\n`);
  for await (const { golden, comparison } of runFolder(folder)) {
    for (const finding of comparison.findings) {
      process.stdout.write(`  ${golden.name.padEnd(34)} ${line(finding)}\n`);
      checked += 1;
      if (!finding.ok) missed += 1;
    }
    if (out !== undefined) await writeSafetensors(join(out, `${golden.name}.safetensors`), comparison.computed);
  }
}
process.stdout.write(`${checked} tensors compared, ${missed} beyond their aim.\n`);
process.exitCode = missed > 0 ? 1 : 0;

function line({ tensor, max, mean, aim, ok, note, over }: Finding): string {
  const number = (value: number | undefined) => (value === undefined ? "-" : value.toExponential(1)).padStart(8);
  const share = over === undefined ? "" : `  over ${aim.share?.over}: ${(100 * over).toFixed(2)} %`;
  const verdict = ok ? "ok" : "BEYOND";
  const aims = `aim ${number(aim.max)} ${number(aim.mean)}`;
  return `${tensor.padEnd(34)} max ${number(max)} mean ${number(mean)}  ${aims}${share}  ${verdict}${note ? ` (${note})` : ""}`;
}
