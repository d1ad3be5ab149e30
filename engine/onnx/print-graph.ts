import type { Attribute, Graph } from "./graph.ts";
import { liveParts } from "./live-parts.ts";
import { describe } from "./value.ts";

/** The graph as text, a line for each input, node and output, with types and shapes: for people and golden files. */
export function printGraph(graph: Graph): string {
  const inputs = graph.inputs.map((input) => `in  ${describe(input)}`);
  const nodes = liveParts(graph).nodes.map(({ operator, inputs: operands, output, attributes }) => {
    const names = operands.map((operand) => operand?.name ?? "-").join(", ");
    const settings = Object.entries(attributes).map(([name, value]) => ` ${name}=${printAttribute(value)}`);
    return `    ${describe(output)} = ${operator}(${names})${settings.join("")}`;
  });
  const outputs = graph.outputs.map(({ name, value }) => `out ${name} = ${describe(value)}`);
  return [graph.name, ...inputs, ...nodes, ...outputs, ""].join("\n");
}

function printAttribute(value: Attribute): string {
  if (typeof value === "number" || typeof value === "string") return String(value);
  return "float" in value ? String(value.float) : `[${value.join(",")}]`;
}
