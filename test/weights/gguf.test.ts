import { describe, expect, it } from "vitest";
import { parseGgufHead } from "../../engine/weights/checkpoint.ts";
import { caught } from "./caught.ts";
import { ggufBytes, ggufText, i32ArrayPair, u32, u64 } from "./checkpoint-bytes.ts";

const parse = (bytes: Uint8Array) => {
  const checkpoint = parseGgufHead({ path: "/models/x.gguf", bytes, size: bytes.length });
  if (!checkpoint) throw new Error("The header is cut off.");
  return checkpoint;
};
const tensor = (changes: object = {}) => ({ name: "w", dims: [32, 2], type: 8, offset: 0, ...changes });
const Q8_ROWS = new Uint8Array(2 * 34);

describe("a GGUF header", () => {
  it.each([2, 3])("of version %i gives tensors with the slowest dimension first", (version) => {
    const bytes = ggufBytes({ version, tensors: [tensor()], data: Q8_ROWS });
    const { tensors } = parse(bytes);
    expect(tensors.get("w")).toMatchObject({ type: "Q8_0", shape: [2, 32], offset: bytes.length - 68, length: 68 });
  });

  it("has names without the prefix some tools write, and true shapes of re-cut tensors", () => {
    const name = "model.diffusion_model.blocks.0.w";
    const pairs = [i32ArrayPair(`comfy.gguf.orig_shape.${name}`, [4, 16])];
    const { tensors } = parse(ggufBytes({ pairs, tensors: [tensor({ name })], data: Q8_ROWS }));
    expect(tensors.get("blocks.0.w")?.shape).toEqual([4, 16]);
  });

  it("places data by the file's alignment", () => {
    const pairs = [Buffer.concat([ggufText("general.alignment"), u32(4), u32(64)])];
    const bytes = ggufBytes({ pairs, tensors: [tensor()], data: Q8_ROWS, alignment: 64 });
    expect((parse(bytes).tensors.get("w")?.offset ?? 1) % 64).toBe(0);
  });

  it("that is longer than what was read asks for more", () => {
    const bytes = ggufBytes({ tensors: [tensor()], data: Q8_ROWS });
    expect(parseGgufHead({ path: "x.gguf", bytes: bytes.subarray(0, 40), size: bytes.length })).toBeUndefined();
  });

  const nested = Buffer.concat([ggufText("k"), u32(9), u32(9), u64(1)]);
  it.each<[string, Uint8Array, RegExp]>([
    ["an old version", ggufBytes({ version: 1 }), /version is 1, allowed is 2 or 3/],
    ["too many tensors", ggufBytes({ tensorCount: 2n ** 60n }), /number of tensors/],
    ["a cut file", ggufBytes({ tensors: [tensor()] }).subarray(0, 50), /header is cut off/],
    ["an unknown tensor type", ggufBytes({ tensors: [tensor({ type: 99 })], data: Q8_ROWS }), /type of w is 99/],
    ["a row inside a block", ggufBytes({ tensors: [tensor({ dims: [16, 4] })], data: Q8_ROWS }), /multiple of 32/],
    ["data past the end", ggufBytes({ tensors: [tensor({ offset: 32 })], data: Q8_ROWS }), /end of w/],
    ["an offset beyond counting", ggufBytes({ tensors: [tensor({ offset: 2n ** 63n })] }), /offset of w/],
    ["a name twice", ggufBytes({ tensors: [tensor(), tensor({ offset: 96 })], data: new Uint8Array(200) }), /w twice/],
    [
      "tensors that overlap",
      ggufBytes({ tensors: [tensor(), tensor({ name: "v", offset: 32 })], data: new Uint8Array(200) }),
      /start of v/,
    ],
    ["too many dimensions", ggufBytes({ tensors: [tensor({ dims: Array<number>(9).fill(1) })] }), /dimensions of w/],
    ["an array in an array", ggufBytes({ pairs: [nested] }), /value type of k is 9/],
    ["an unknown value type", ggufBytes({ pairs: [Buffer.concat([ggufText("k"), u32(77)])] }), /value type of k is 77/],
    ["a key twice", ggufBytes({ pairs: [i32ArrayPair("k", []), i32ArrayPair("k", [])] }), /the key k twice/],
    ["a text without end", ggufBytes({ pairs: [Buffer.concat([u64(2n ** 62n)])] }), /length of key/],
    [
      "an alignment of 0",
      ggufBytes({ pairs: [Buffer.concat([ggufText("general.alignment"), u32(4), u32(0)])] }),
      /alignment is 0/,
    ],
    [
      "a true shape of other size",
      ggufBytes({ pairs: [i32ArrayPair("comfy.gguf.orig_shape.w", [3])], tensors: [tensor()], data: Q8_ROWS }),
      /orig_shape/,
    ],
  ])("with %s is refused by field", (_, bytes, text) => {
    const error = caught(() => parse(bytes));
    expect(error.code).toBe("checkpoint_malformed");
    expect(error.message).toMatch(text);
  });
});
