import type { z } from "zod";

/**
 * What an operation does to the world; surfaces derive their hints and methods from it.
 * reads: changes nothing. creates: makes a new task. changes: alters what is there. ends: destroys work in progress.
 */
export type OperationKind = "reads" | "creates" | "changes" | "ends";

/**
 * One thing the engine can do, as a value: every surface is made from these.
 * `title` and `description` are written for a model that has to choose. `route` is the REST form; parameters in
 * braces are taken from the path, the others from the query (GET) or the JSON body. `mcp` says whether it is a tool.
 */
export interface Operation<I extends z.ZodObject = z.ZodObject, O extends z.ZodObject = z.ZodObject> {
  readonly title: string;
  readonly description: string;
  readonly input: I;
  readonly output: O;
  readonly kind: OperationKind;
  readonly mcp: boolean;
  readonly route?: { readonly method: "get" | "post"; readonly path: string };
}

export function operation<I extends z.ZodObject, O extends z.ZodObject>(value: Operation<I, O>): Operation<I, O> {
  return value;
}
