import type { z } from "zod";
import { EngineError } from "../errors.ts";
import { closest } from "./closest.ts";
import { allowedTexts } from "./parameters.ts";

/**
 * Parses what a caller gave. `null` counts as not given wherever there is a default. Throws `invalid_parameter`
 * naming the parameter, what was given and what is allowed.
 */
export function parseInput<S extends z.ZodObject>(schema: S, given: unknown): z.output<S> {
  const raw = given ?? {};
  if (typeof raw !== "object" || Array.isArray(raw)) {
    throw new EngineError("invalid_parameter", { what: "The parameters must be one JSON object." });
  }
  const present = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null));
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data as z.output<S>;
  throw refusal(schema, present, parsed.error);
}

function refusal(schema: z.ZodObject, given: Record<string, unknown>, error: z.ZodError): EngineError {
  const unknown = error.issues.find((issue) => issue.code === "unrecognized_keys");
  if (unknown?.code === "unrecognized_keys") return unknownParameter(schema, unknown.keys[0] ?? "");
  const name = String(error.issues[0]?.path[0] ?? "");
  const allowed = allowedTexts.get(schema.shape[name] as z.ZodType)?.allowed ?? error.issues[0]?.message ?? "";
  const facts = { parameter: name, given: given[name], allowed };
  if (!(name in given)) {
    return new EngineError("invalid_parameter", { what: `Parameter ${name} is missing: ${allowed}.`, facts });
  }
  const value = given[name];
  const digits = typeof value === "string" ? /^\s*(\d+)p?\s*$/i.exec(value)?.[1] : undefined;
  return new EngineError("invalid_parameter", {
    what: `${name} ${JSON.stringify(value)} is not possible: ${allowed}.`,
    ...(digits && { todo: `Give the number ${digits}.` }),
    facts,
  });
}

function unknownParameter(schema: z.ZodObject, name: string): EngineError {
  const known = Object.keys(schema.shape);
  const near = closest(name, known);
  return new EngineError("invalid_parameter", {
    what: `There is no parameter ${JSON.stringify(name)}.`,
    ...(near && { why: `Did you mean ${near}?` }),
    todo: known.length ? `Known are: ${known.join(", ")}.` : "None is taken here.",
    facts: { parameter: name, known },
  });
}
