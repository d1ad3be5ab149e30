import { z } from "zod";
import { EngineError } from "../engine/index.ts";

/**
 * The values that texts of a query or a form stand for: numbers and booleans where the schema wants them. A text that
 * is none stays as it is, so that the schema's refusal shows what was given. Throws `invalid_parameter` when a name
 * was given more than once.
 */
export function valuesFromTexts(
  schema: z.ZodObject,
  texts: Readonly<Record<string, readonly string[]>>,
): Record<string, unknown> {
  const values = Object.entries(texts).map(([name, given]) => {
    if (given.length > 1) throw givenTwice(name);
    return [name, valueFromText(wantedType(schema.shape[name]), given[0] ?? "")] as const;
  });
  return Object.fromEntries(values);
}

export function givenTwice(name: string): EngineError {
  return new EngineError("invalid_parameter", {
    what: `Parameter ${JSON.stringify(name)} was given more than once.`,
    todo: "Give it once.",
    facts: { parameter: name },
  });
}

/**
 * A parameter from the path. One that cannot be right names nothing that exists, so it is `not_found` rather than
 * invalid.
 */
export function valueFromPath(name: string, schema: z.ZodType, text: string): string {
  if (schema.safeParse(text).success) return text;
  const thing = name.replace(/_id$/, "");
  throw new EngineError("not_found", {
    what: `There is no ${thing} ${JSON.stringify(text)}.`,
    todo: "Use the id that the submission answered, or look into the history.",
    facts: { [name]: text },
  });
}

type Wanted = "number" | "boolean" | "text";

function wantedType(schema: unknown): Wanted {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return wantedType(schema.unwrap());
  }
  if (schema instanceof z.ZodNumber) return "number";
  return schema instanceof z.ZodBoolean ? "boolean" : "text";
}

function valueFromText(wanted: Wanted, text: string): unknown {
  const trimmed = text.trim();
  if (wanted === "number" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed);
  if (wanted === "boolean" && /^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase() === "true";
  return text;
}
