/** Element types of values, by the names that checkpoints use, and their numbers in ONNX (onnx.proto, DataType). */
export const elementTypes = {
  F32: { onnx: 1, bytes: 4 },
  U8: { onnx: 2, bytes: 1 },
  U16: { onnx: 4, bytes: 2 },
  I8: { onnx: 3, bytes: 1 },
  I32: { onnx: 6, bytes: 4 },
  I64: { onnx: 7, bytes: 8 },
  BOOL: { onnx: 9, bytes: 1 },
  F16: { onnx: 10, bytes: 2 },
  BF16: { onnx: 16, bytes: 2 },
  /** Two values a byte, the first in the low nibble. */
  U4: { onnx: 21, bytes: 0.5 },
} as const;

export type ElementType = keyof typeof elementTypes;

/** Types that networks compute in. */
export type FloatType = "F32" | "F16";

export type Shape = readonly number[];

/** True where the runtime takes tensors of this type as they lie in a file. */
export function isElementType(type: string): type is ElementType {
  return Object.hasOwn(elementTypes, type);
}

declare const madeByGraph: unique symbol;

/** A tensor that a graph computes, with its shape known when it is made. Only a graph makes values. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  readonly [madeByGraph]: true;
}

/** `name f32[2,3]`, as graphs are printed and errors speak of values. */
export function describe(value: Pick<Value, "name" | "type" | "shape">): string {
  return `${value.name} ${value.type.toLowerCase()}[${value.shape.join(",")}]`;
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
