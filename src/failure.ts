import { asEngineError } from "../engine/index.ts";
import type { EngineError } from "../engine/index.ts";
import { exitCodes } from "./exit-codes.ts";

/** An error for people: what happened, what it means, what to do, a line each; no stack. */
export function failureLines(error: EngineError): string[] {
  const { what, why, todo } = error;
  return [`error: ${what}`, ...(why ? [`why:   ${why}`] : []), ...(todo ? [`hint:  ${todo}`] : [])];
}

/** Shows the error on stderr (with `json` also as one object on stdout) and answers the exit code it stands for. */
export function reportFailure(thrown: unknown, json: boolean): number {
  const error = asEngineError(thrown);
  process.stderr.write(`${failureLines(error).join("\n")}\n`);
  if (json) printJson({ error: error.toJSON() });
  return exitCodes[error.code];
}

/** One object a line, for scripts. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}
