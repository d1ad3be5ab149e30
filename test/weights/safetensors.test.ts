import { describe, expect, it } from "vitest";
import { parseSafetensors } from "../../engine/weights/safetensors.ts";
import { safetensorsBytes } from "./checkpoint-bytes.ts";
import { caught } from "./caught.ts";

const parse = (bytes: Uint8Array) => parseSafetensors({ path: "/models/x.safetensors", bytes, size: bytes.length });
const f32 = (shape: number[], from: number, to: number) => ({ dtype: "F32", shape, data_offsets: [from, to] });

describe("a safetensors header", () => {
  it("gives name, type, shape and place of each tensor, and the file's metadata", () => {
    const header = {
      __metadata__: { kind: "test" },
      a: f32([2, 3], 0, 24),
      "b.weight": { dtype: "F8_E4M3", shape: [5], data_offsets: [24, 29] },
      scale: { dtype: "F32", shape: [], data_offsets: [29, 33] },
    };
    const bytes = safetensorsBytes(header, new Uint8Array(33));
    const start = bytes.length - 33;
    const { tensors, metadata } = parse(bytes);
    expect(tensors.get("a")).toMatchObject({ type: "F32", shape: [2, 3], offset: start, length: 24 });
    expect(tensors.get("b.weight")).toMatchObject({ type: "F8_E4M3", shape: [5], offset: start + 24, length: 5 });
    expect(tensors.get("scale")).toMatchObject({ shape: [], offset: start + 29, length: 4 });
    expect(metadata.get("kind")).toBe("test");
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["an empty file", new Uint8Array(), /file size is 0/],
    ["a cut length", new Uint8Array(7), /file size is 7/],
    ["a header longer than the file", new Uint8Array(8).fill(255), /header length is 18446744073709551615/],
    ["no JSON", safetensorsBytes("{nothing"), /header is no JSON text/],
    ["an array", safetensorsBytes("[1, 2]"), /allowed is a JSON object/],
    ["invalid UTF-8", safetensorsBytes("{}").map((b, i) => (i === 8 ? 0xff : b)), /header is no JSON text/],
    ["nesting without end", safetensorsBytes(`{"a":${"[".repeat(100_000)}`), /nested deeper/],
    ["a name twice", safetensorsBytes('{"a":1,"\\u0061":2}'), /the name a twice/],
    [
      "an unknown type",
      safetensorsBytes({ a: { dtype: "F12", shape: [], data_offsets: [0, 0] } }),
      /dtype of a is F12/,
    ],
    ["a missing shape", safetensorsBytes({ a: { dtype: "F32", data_offsets: [0, 0] } }), /shape of a/],
    ["a negative size", safetensorsBytes({ a: f32([-1], 0, 0) }), /shape of a is \[-1\]/],
    ["an uncountable size", safetensorsBytes({ a: f32([2 ** 40, 2 ** 40], 0, 0) }), /countable/],
    ["a fractional size", safetensorsBytes({ a: f32([0.5], 0, 2) }), /shape of a/],
    ["too many dimensions", safetensorsBytes({ a: f32(Array<number>(9).fill(1), 0, 4) }), /9 dimensions/],
    [
      "offsets that are no pair",
      safetensorsBytes({ a: { dtype: "F32", shape: [1], data_offsets: [0] } }),
      /data_offsets/,
    ],
    ["a length of another size", safetensorsBytes({ a: f32([2], 0, 4) }, new Uint8Array(4)), /length of a is 4.*8/],
    ["data past the end", safetensorsBytes({ a: f32([2], 0, 8) }, new Uint8Array(4)), /end of a/],
    [
      "data that overlaps",
      safetensorsBytes({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, new Uint8Array(12)),
      /start of b/,
    ],
    ["an entry that is no object", safetensorsBytes({ a: 5 }), /entry of a is 5/],
    [
      "a name without end",
      safetensorsBytes({ ["x".repeat(2000)]: f32([], 0, 4) }, new Uint8Array(4)),
      /name of a tensor/,
    ],
  ])("%s is refused by field, with what is allowed", (_, bytes, text) => {
    const error = caught(() => parse(bytes));
    expect(error.code).toBe("checkpoint_malformed");
    expect(error.message).toMatch(text);
    expect(error.message).toContain("x.safetensors");
    expect(error.facts).toMatchObject({ file: "/models/x.safetensors", field: expect.any(String) });
  });
});
