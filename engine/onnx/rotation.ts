import type { Graph } from "./graph.ts";
import { reshape } from "./movement.ts";
import type { Value } from "./value.ts";
import type { StoredRotation } from "./weight-demands.ts";

/**
 * x [rows, columns] with every `group` columns multiplied by the rotation's matrix; the same shape. Layers that read the
 * same input share the result.
 */
export function rotateColumns(at: Graph, x: Value, { group, matrix }: StoredRotation): Value {
  const [rows = 0, columns = 0] = x.shape;
  at.check(columns % group === 0, `a rotation wants a multiple of ${group} columns`, x);
  return at.shared(`${x.name} rotated by ${group}`, () => {
    const h = at.shared(`rotation by ${group}`, () => {
      const bytes = new Uint8Array(matrix().buffer);
      return at.initializer("rotation", { type: "F32", shape: [group, group], data: bytes });
    });
    const groups = reshape(at, x, [(rows * columns) / group, group]);
    const rotated = at.node({ operator: "MatMul", inputs: [groups, h], shape: groups.shape });
    return reshape(at, rotated, x.shape);
  });
}
