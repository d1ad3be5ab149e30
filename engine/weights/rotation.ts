/**
 * The rotation of int8 layers (seedvr2-comfy-checkpoints.md section 3): groups of g columns are multiplied by
 * H = (H4 ⊗ … ⊗ H4) / √g, where g is a power of 4. H is symmetric and orthogonal, so that it is its own inverse.
 */
const H4 = [
  [1, 1, 1, -1],
  [1, 1, -1, 1],
  [1, -1, 1, 1],
  [-1, 1, 1, 1],
] as const;

/** Sizes of groups that are known. */
export const rotationGroups: readonly number[] = [4, 16, 64, 256];

/** H for groups of `group` columns, [group, group], row by row. */
export function rotationMatrix(group: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(group * group);
  for (let i = 0; i < group; i++) {
    for (let j = 0; j < group; j++) out[i * group + j] = signOf(i, j, group) / Math.sqrt(group);
  }
  return out;
}

/** Sign of an element of the unscaled H: the product over the base-4 digits of its row and column. */
function signOf(row: number, column: number, group: number): number {
  let sign = 1;
  for (let size = 1; size < group; size *= 4) {
    sign *= H4[Math.floor(row / size) % 4]?.[Math.floor(column / size) % 4] ?? 0;
  }
  return sign;
}

/** Multiplies each group of values by H, in place: a pass with H4 for each base-4 digit, sums in double. */
export function rotate(values: Float32Array, group: number): void {
  const passes = Math.log2(group) / 2;
  const buffer = new Float64Array(group);
  for (let start = 0; start < values.length; start += group) {
    buffer.set(values.subarray(start, start + group));
    for (let pass = 0; pass < passes; pass++) rotateDigit(buffer, 4 ** pass);
    for (let i = 0; i < group; i++) values[start + i] = (buffer[i] as number) / Math.sqrt(group);
  }
}

function rotateDigit(values: Float64Array, stride: number): void {
  for (let i = 0; i < values.length; i++) {
    if (Math.floor(i / stride) % 4 !== 0) continue;
    const [a, b, c, d] = [0, 1, 2, 3].map((k) => values[i + k * stride] as number) as [number, number, number, number];
    values[i] = a + b + c - d;
    values[i + stride] = a + b - c + d;
    values[i + 2 * stride] = a - b + c + d;
    values[i + 3 * stride] = -a + b + c + d;
  }
}
