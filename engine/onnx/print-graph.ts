import type { Graph } from "./graph.ts";
import type { Attribute, Initializer } from "./graph-parts.ts";
import { liveParts } from "./live-parts.ts";
import { describe } from "./value.ts";

/** Longest constant that is printed as its values. */
const MOST_PRINTED = 8;

/** The graph as text, a line for each input, node and output, with types and shapes: for people and golden files. */
export function printGraph(graph: Graph): string {
  const { nodes: living, initializers } = liveParts(graph);
  const constants = new Map(initializers.flatMap((item) => shortConstant(item)));
  const inputs = graph.inputs.map((input) => `in  ${describe(input)}`);
  const nodes = living.map(({ operator, inputs: operands, output, attributes }) => {
    const names = operands.map((operand) => (operand ? (constants.get(operand.name) ?? operand.name) : "-")).join(", ");
    const settings = Object.entries(attributes).map(([name, value]) => ` ${name}=${printAttribute(value)}`);
    return `    ${describe(output)} = ${operator}(${names})${settings.join("")}`;
  });
  const outputs = graph.outputs.map(({ name, value }) => `out ${name} = ${describe(value)}`);
  return [graph.name, ...inputs, ...nodes, ...outputs, ""].join("\n");
}

/** Shapes, axes and indices are printed as their values, where they are few. */
function shortConstant({ value, data }: Initializer): [string, string][] {
  if (value.type !== "I64" || !(data instanceof Uint8Array) || data.length > 8 * MOST_PRINTED) return [];
  const numbers = new BigInt64Array(data.slice().buffer);
  return [[value.name, `[${numbers.join(",")}]`]];
}

function printAttribute(value: Attribute): string {
  if (typeof value === "number" || typeof value === "string") return String(value);
  return "float" in value ? String(value.float) : `[${value.join(",")}]`;
}
