import { basename } from "node:path";
import { EngineError } from "../errors.ts";

/** What is wrong with a checkpoint file: which field, what stands there, what would be right. */
export interface Fault {
  readonly field: string;
  readonly found: unknown;
  readonly allowed: string;
}

/** Longest excerpt of a file that an error repeats, in characters. */
const EXCERPT = 80;

/** The error for a checkpoint that cannot be used: names file, field, what was found and what is allowed. */
export function malformed(file: string, fault: Fault): EngineError {
  const found = excerpt(fault.found);
  return new EngineError("checkpoint_malformed", {
    what: `${basename(file)} is not a readable checkpoint: ${fault.field} is ${found}, allowed is ${fault.allowed}.`,
    why: "The file is damaged, incomplete or of another kind.",
    todo: "Download it again, or choose another file.",
    facts: { file, field: fault.field, found, allowed: fault.allowed },
  });
}

function excerpt(found: unknown): string {
  const text = typeof found === "object" ? (JSON.stringify(found) ?? "nothing") : String(found);
  const printable = text.replace(/[^\x20-\x7e]/g, "?");
  return printable.length > EXCERPT ? `${printable.slice(0, EXCERPT)}…` : printable;
}
