import { z } from "zod";
import { asEngineError, EngineError, operations, parseInput } from "../engine/index.ts";
import type { OperationName } from "../engine/index.ts";
import { statusOf } from "./errors.ts";
import { parseJson } from "./operation-routes.ts";
import type { HttpApp, HttpContext, HttpOptions } from "./options.ts";
import { sameSecret } from "./safety.ts";

const callerSchema = z.strictObject({
  outputFolder: z.string(),
  allowedFolders: z.array(z.string()),
  defaultModel: z.string().nullable(),
  engineSettings: z.record(z.string(), z.string()),
});

const callSchema = z.strictObject({
  name: z.enum(Object.keys(operations) as [OperationName, ...OperationName[]]),
  input: z.unknown(),
  caller: callerSchema.optional(),
});

/**
 * Adds POST /internal/call {name, input, caller}: any operation for our own processes, paths included. Answers
 * {result}, or {error} with all parts of the error and the same status as public REST.
 */
export function addInternalRoute(app: HttpApp, options: HttpOptions): void {
  app.post("/internal/call", async (c) => {
    if (!sameSecret(c.req.header("x-seedvr2-secret") ?? "", options.internalSecret)) {
      throw new EngineError("host_not_allowed", { what: "This path is for the engine's own processes." });
    }
    try {
      return c.json({ result: await callEngine(c, options) });
    } catch (error) {
      const known = asEngineError(error);
      if (known.code === "internal") options.onFailure?.(error);
      return c.json({ error: known }, statusOf(known.code));
    }
  });
}

async function callEngine(c: HttpContext, options: HttpOptions): Promise<unknown> {
  const { name, input, caller } = parseInput(callSchema, parseJson(await c.req.text()));
  return options.engine.call(name, input as never, { caller, signal: c.req.raw.signal });
}
