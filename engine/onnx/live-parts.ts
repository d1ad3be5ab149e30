import type { Graph } from "./graph.ts";
import type { GraphNode, Initializer } from "./graph-parts.ts";

/** The parts of a graph that its outputs need. */
export interface LiveParts {
  /** In the order in which they are written. */
  readonly nodes: readonly GraphNode[];
  readonly initializers: readonly Initializer[];
}

/** Nodes and weights that some output needs: the runtime would compute the others too, and keep their memory. */
export function liveParts(graph: Graph): LiveParts {
  const makers = new Map(graph.nodes.map((node) => [node.output.name, node]));
  const needed = new Set<string>();
  const waiting = graph.outputs.map(({ value }) => value.name);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    for (const input of makers.get(name)?.inputs ?? []) if (input) waiting.push(input.name);
  }
  return {
    nodes: graph.nodes.filter(({ output }) => needed.has(output.name)),
    initializers: graph.initializers.filter(({ value }) => needed.has(value.name)),
  };
}
