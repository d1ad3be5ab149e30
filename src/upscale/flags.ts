import { z } from "zod";
import { parameterSchemas } from "../../engine/index.ts";

/** A task parameter as a flag. */
export interface ParameterFlag {
  /** The parameter's name everywhere else. */
  readonly parameter: string;
  /** The key under which commander answers it. */
  readonly key: string;
  /** As commander takes it: `--dit-model <text>`. */
  readonly text: string;
  readonly description: string;
  readonly default: unknown;
  /** Turns what was typed into a value; what is no number stays text, for the schema to refuse in its own words. */
  readonly read: (typed: string | boolean) => unknown;
}

/** Given in another way: the files as arguments, the place of the result as -o. */
const notFlags = new Set(["file_path", "output_path"]);

interface Property {
  type?: string;
  description?: string;
  default?: unknown;
  anyOf?: { type?: string }[];
}

/** The flags of `upscale` or `plan`, one for each parameter a task takes, with its description and default. */
export function parameterFlags(parameters: z.ZodObject = parameterSchemas.videoParameters): ParameterFlag[] {
  const { properties = {} } = z.toJSONSchema(parameters, { io: "input" });
  return Object.entries(properties as Record<string, Property>)
    .filter(([name]) => !notFlags.has(name))
    .map(([parameter, property]) => {
      const type = property.type ?? property.anyOf?.[0]?.type;
      const name = parameter.replaceAll("_", "-");
      return {
        parameter,
        key: parameter.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
        text: type === "boolean" ? `--${name}` : `--${name} <${isNumeric(type) ? "number" : "text"}>`,
        // A switch is given or not: that it may be true or false says nothing.
        description: property.description?.replace(/ True or false\.$/, "") ?? "",
        default: property.default,
        read: isNumeric(type) ? numberOrText : (typed) => typed,
      };
    });
}

const isNumeric = (type: string | undefined) => type === "number" || type === "integer";

function numberOrText(typed: string | boolean): unknown {
  const number = Number(typed);
  return String(typed).trim() === "" || Number.isNaN(number) ? typed : number;
}

/** The parameters somebody gave, from commander's options; what was not given is the engine's to fill in. */
export function givenParameters(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given = parameterFlags()
    .filter(({ key }) => options[key] !== undefined)
    .map(({ parameter, key, read }) => [parameter, read(options[key] as string | boolean)]);
  return Object.fromEntries(given);
}
