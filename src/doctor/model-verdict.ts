import { exitCodes } from "../exit-codes.ts";
import type { PictureTrial } from "./try-picture.ts";

/** A faithful model's result, reduced again, is at least so near to its input. */
export const LEAST_DECIBELS = 25;
/** Of 255: a picture whose values deviate by less is of one colour. */
const FLAT = 2;

/** What was found out about a model. */
export interface ModelEvidence {
  /** Faults found in its files. */
  readonly faults: readonly string[];
  /** How it did with the picture; null where its file could not be opened. */
  readonly trial: PictureTrial | null;
  /** How the built-in model did, where it was asked because the trial went badly. */
  readonly control?: PictureTrial;
}

export const verdicts = {
  passed: { exit: 0, text: "The model passes: its files are as such files are, and its picture came out well." },
  odd: {
    exit: 1,
    text: "The file is odd, but its picture came out well: please report this block, so that the bounds can be mended.",
  },
  file: { exit: 1, text: "The file fails; the machine does its part. Fetch the file again, or use another." },
  machine: {
    exit: exitCodes.wrong_state,
    text: "The machine fails, which says nothing about the file. See the reason below, and seedvr2 doctor.",
  },
  undecided: {
    exit: exitCodes.wrong_state,
    text: "File or device fails: set SEEDVR2_DEVICE=cpu, run seedvr2 stop, and try again; what fails there too is the file.",
  },
} as const;
export type Verdict = keyof typeof verdicts;

/** Tells a file that fails from a machine that does. */
export function verdictOf({ faults, trial, control }: ModelEvidence): Verdict {
  if (trial && isGood(trial)) return faults.length > 0 ? "odd" : "passed";
  if (control && !isGood(control)) return "machine";
  if (faults.length > 0 || trial === null) return "file";
  if ("code" in trial.made && trial.made.code === "checkpoint_malformed") return "file";
  if ("code" in trial.made && trial.made.code !== "provider_failed") return "machine";
  return trial.device === "cpu" || trial.device === null ? "file" : "undecided";
}

/** A picture was made, is not of one colour, and is near to what it was made of. */
export function isGood({ made }: PictureTrial): boolean {
  return "decibels" in made && made.deviation >= FLAT && made.decibels >= LEAST_DECIBELS;
}
