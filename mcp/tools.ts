import type { Tool, ToolAnnotations } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { EngineError, closest, operations } from "../engine/index.ts";
import type { Operation, OperationKind, OperationName } from "../engine/index.ts";

/** What every structured result has beside the operation's own fields, because some hosts show models nothing else. */
const spoken = {
  message: z.string().describe("The result in a sentence"),
  next_step: z.string().describe("What to do next"),
};

type Hints = Required<Omit<ToolAnnotations, "title">>;

/** All four hints stated, because a missing one counts as destructive and open world. */
const hintsOf: Readonly<Record<OperationKind, Hints>> = {
  reads: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  creates: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  changes: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  ends: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
};

/** Tools that may fetch something from the network. */
const openWorld: ReadonlySet<OperationName> = new Set(["switch_model", "download_model"]);

/** Names of the operations that are tools, always in the same order: hosts cache the list in their prompts. */
const toolNames: readonly OperationName[] = (Object.keys(operations) as OperationName[]).filter(
  (name) => operations[name].mcp,
);

/** The answer to tools/list. */
export const tools: readonly Tool[] = toolNames.map(toolFrom);

/** The tool of that name. Throws `not_found`, naming what there is. */
export function toolNamed(name: string): OperationName {
  const known = toolNames.find((candidate) => candidate === name);
  if (known) return known;
  const near = closest(name, toolNames);
  throw new EngineError("not_found", {
    what: `There is no tool ${JSON.stringify(name)}.`,
    ...(near && { why: `Did you mean ${near}?` }),
    todo: `The tools are: ${toolNames.join(", ")}.`,
    facts: { tool: name, known: toolNames },
  });
}

function toolFrom(name: OperationName): Tool {
  const { title, description, input, output, kind }: Operation = operations[name];
  return {
    name,
    title,
    description,
    inputSchema: jsonSchema(input, "input"),
    outputSchema: jsonSchema(output.extend(spoken), "output"),
    annotations: { ...hintsOf[kind], openWorldHint: openWorld.has(name) },
  };
}

/**
 * A schema as JSON Schema in the common part of draft-07 and 2020-12, without `$schema`: SDK clients check with
 * draft-07 and refuse another dialect by name.
 */
function jsonSchema(schema: z.ZodObject, io: "input" | "output"): Tool["inputSchema"] {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io });
  return JSON.parse(JSON.stringify(rest), (_, part: unknown) => portable(part)) as Tool["inputSchema"];
}

/** A part of a JSON Schema without type arrays and empty schemas, which some hosts drop; said with anyOf and `true`. */
function portable(part: unknown): unknown {
  if (typeof part !== "object" || part === null) return part;
  const { type, additionalProperties, ...rest } = part as { type?: unknown; additionalProperties?: unknown };
  const others = isEmpty(additionalProperties) ? true : additionalProperties;
  if (!Array.isArray(type)) return others === additionalProperties ? part : { ...part, additionalProperties: others };
  const { description, ...limits } = rest as { description?: string };
  const alternatives = type.map((one: unknown) => (one === "null" ? { type: one } : { type: one, ...limits }));
  return { ...(description !== undefined && { description }), anyOf: alternatives };
}

function isEmpty(schema: unknown): boolean {
  return typeof schema === "object" && schema !== null && Object.keys(schema).length === 0;
}
