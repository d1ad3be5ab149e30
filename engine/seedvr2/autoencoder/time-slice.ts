import type { Graph } from "../../onnx/graph.ts";
import type { Shape, Value } from "../../onnx/value.ts";

/**
 * A run of frames that passes through the autoencoder at once. Only causal convolutions look back in time; what they
 * need of the slice before is kept, so that slices give what the whole clip would (seedvr2-vae.md section 5).
 */
export interface TimeSlice {
  /** Nothing came before: the first frame stands for its own past. */
  readonly first: boolean;
  /** Nothing follows: nothing is kept. */
  readonly last: boolean;
}

const HISTORY = "history.";
const KEPT = "kept.";

/** The frames that a convolution kept from the slice before, as an input of the graph. */
export function historyInput(at: Graph, name: string, shape: Shape): Value {
  return at.input(HISTORY + [...at.path, name].join("."), shape);
}

/** Makes frames that a convolution needs in the next slice an output of the graph. */
export function keep(at: Graph, name: string, frames: Value): void {
  at.output(KEPT + [...at.path, name].join("."), frames);
}

/** What one slice's results hold for the next one's inputs. */
export function historyFrom<T>(results: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(results).flatMap(([name, value]) =>
      name.startsWith(KEPT) ? [[HISTORY + name.slice(KEPT.length), value]] : [],
    ),
  );
}
