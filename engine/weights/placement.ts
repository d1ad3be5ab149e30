import { malformed } from "./malformed.ts";
import type { StoredTensor } from "./stored-tensor.ts";
import { byteLength, countOf, storedTypes, type StoredType } from "./stored-type.ts";

/** Most tensors, dimensions of a tensor and bytes of a name that are believed; the largest real file has 1128, 5, 60. */
export const MAX_TENSORS = 65_536;
export const MAX_RANK = 8;
export const MAX_NAME_BYTES = 1024;

/**
 * Number of bytes a tensor of this type and shape must have. Throws `checkpoint_malformed` where a size is not a whole
 * number from 0, the product too large to be counted, or the values do not fill whole blocks.
 */
export function demandedLength(file: string, name: string, type: StoredType, shape: readonly number[]): number {
  const field = `shape of ${name}`;
  if (shape.length > MAX_RANK) {
    throw malformed(file, { field, found: `${shape.length} dimensions`, allowed: `at most ${MAX_RANK}` });
  }
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw malformed(file, { field, found: shape, allowed: "whole numbers from 0" });
    }
  }
  const count = countOf(shape);
  if (!Number.isSafeInteger(count * 8)) throw malformed(file, { field, found: shape, allowed: "a countable size" });
  const { values } = storedTypes[type];
  if (count % values !== 0) {
    throw malformed(file, { field, found: shape, allowed: `a multiple of ${values} values for ${type}` });
  }
  return byteLength(type, count);
}

/** Throws `checkpoint_malformed` where a tensor reaches past the end of the file or into another one. */
export function checkPlacement(file: string, size: number, tensors: Iterable<StoredTensor>): void {
  const inOrder = [...tensors].sort((a, b) => a.offset - b.offset || a.length - b.length);
  let end = 0;
  let before = "the header";
  for (const { name, offset, length } of inOrder) {
    if (offset + length > size) {
      throw malformed(file, {
        field: `end of ${name}`,
        found: offset + length,
        allowed: `at most ${size}, the file's size`,
      });
    }
    if (length > 0 && offset < end) {
      throw malformed(file, {
        field: `start of ${name}`,
        found: offset,
        allowed: `${end} or more, the end of ${before}`,
      });
    }
    if (length > 0) {
      end = offset + length;
      before = name;
    }
  }
}
