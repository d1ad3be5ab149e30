import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { z } from "zod";
import { asEngineError, EngineError, operations, parseInput } from "../engine/index.ts";
import type { Operation, OperationName } from "../engine/index.ts";
import { answerError } from "./errors.ts";
import type { HttpApp, HttpContext, HttpOptions } from "./options.ts";
import { valueFromPath, valuesFromTexts } from "./text-values.ts";

/** An operation with its REST form; `inPath` and `others` part its parameters by where they come from. */
export interface RoutedOperation {
  readonly name: OperationName;
  readonly operation: Operation;
  readonly method: "get" | "post";
  /** With braces around parameters, as OpenAPI writes it. */
  readonly path: string;
  readonly inPath: Readonly<Record<string, z.ZodType>>;
  readonly others: z.ZodObject;
}

/** Every operation that has a route. */
export const routedOperations: readonly RoutedOperation[] = Object.entries(operations).flatMap(([name, operation]) => {
  const { route, input } = operation as Operation;
  if (!route) return [];
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  const inPath = Object.fromEntries(names.map((key) => [key, input.shape[key] as z.ZodType]));
  const others: z.ZodObject = input.omit(Object.fromEntries(names.map((key) => [key, true])) as Record<string, never>);
  return [{ name: name as OperationName, operation: operation as Operation, ...route, inPath, others }];
});

/** Adds the endpoint of each operation that has a route. */
export function addOperationRoutes(app: HttpApp, options: HttpOptions): void {
  for (const routed of routedOperations) {
    const path = routed.path.replace(/\{(\w+)\}/g, ":$1");
    app.on(routed.method.toUpperCase(), path, (c) => answerOperation(c, routed, options));
  }
}

async function answerOperation(c: HttpContext, routed: RoutedOperation, options: HttpOptions): Promise<Response> {
  const { engine, caller } = options;
  const fromPath = Object.entries(routed.inPath).map(
    ([key, schema]) => [key, valueFromPath(key, schema, c.req.param(key) ?? "")] as const,
  );
  const given = parseInput(routed.others, await givenParameters(c, routed));
  const input = { ...given, ...Object.fromEntries(fromPath) };
  try {
    // The input was read by this very operation's schema, which the union of all of them cannot express.
    const result = await engine.call(routed.name, input as never, { caller, signal: c.req.raw.signal });
    return c.json(result, successStatus(routed.name, result));
  } catch (error) {
    // Switching names an installed model that cannot run: the request is right, the state is not.
    if (routed.name === "switch_model" && asEngineError(error).code === "not_runnable")
      return answerError(c, error, 409);
    throw error;
  }
}

async function givenParameters(c: HttpContext, routed: RoutedOperation): Promise<unknown> {
  const query = c.req.queries();
  if (routed.method === "get") return valuesFromTexts(routed.others, query);
  const misplaced = Object.keys(query)[0];
  if (misplaced !== undefined) {
    throw new EngineError("invalid_parameter", {
      what: `Parameter ${JSON.stringify(misplaced)} stands in the query.`,
      todo: "Send parameters as a JSON object in the body.",
      facts: { parameter: misplaced },
    });
  }
  return parseJson(await c.req.text());
}

/** The JSON value of a body; an empty body is an empty object. Throws `invalid_parameter` when it is no JSON. */
export function parseJson(body: string): unknown {
  if (body.trim() === "") return {};
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new EngineError("invalid_parameter", {
      what: "The body is not valid JSON.",
      todo: "Send one JSON object, with Content-Type: application/json.",
      cause,
    });
  }
}

/** Operations that answer before what they begin is done. */
export const goesOn: ReadonlySet<OperationName> = new Set(["switch_model", "download_model"]);
const unfinished: readonly unknown[] = ["loading", "downloading", "scheduled"];

function successStatus(name: OperationName, result: object): ContentfulStatusCode {
  return goesOn.has(name) && "status" in result && unfinished.includes(result.status) ? 202 : 200;
}
