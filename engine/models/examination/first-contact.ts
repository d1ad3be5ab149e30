import { basename } from "node:path";
import { examineFile } from "./examine-file.ts";
import { hasPassed, notePassed } from "./passed-files.ts";

/** Rows of each matrix: a 3B file is looked at in a second or two. */
const ROWS = 12;
/** Faults that are told of a file; who wants all asks doctor. */
const TOLD = 3;

export interface FirstContact {
  /** Where it is remembered which files have passed. */
  readonly stateDir: string;
  readonly signal: AbortSignal;
}

/**
 * What the user should know of a model's files that have not passed before, finished sentences; none where they are as
 * such files are, which is remembered. Rejects as `examineFile` does.
 */
export async function firstContact(paths: readonly string[], { stateDir, signal }: FirstContact): Promise<string[]> {
  const warnings: string[] = [];
  for (const path of paths) {
    if (await hasPassed(stateDir, path)) continue;
    const { faults } = await examineFile(path, { rows: ROWS, signal });
    if (faults.length === 0) await notePassed(stateDir, path);
    else warnings.push(warningOf(basename(path), faults));
  }
  return warnings;
}

function warningOf(name: string, faults: readonly string[]): string {
  const more = faults.length > TOLD ? ` And ${faults.length - TOLD} more of the kind.` : "";
  const told = faults.slice(0, TOLD).join(" ");
  return `The file ${name} is not as such files are: ${told}${more} "seedvr2 doctor --model" tells all.`;
}
