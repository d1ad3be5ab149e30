import { describe, expect, it } from "vitest";
import { decode } from "../../engine/weights/decode.ts";
import { storedTypes, type StoredType } from "../../engine/weights/stored-type.ts";
import { bf16Values, byteTables, f16Table } from "../../engine/weights/number-formats.ts";
import { GoldenFile } from "../../scripts/parity/golden-file.ts";
import { golden } from "../fixtures/golden-path.ts";

describe("number formats", () => {
  it("e4m3fn has the reference's value for every code", async () => {
    const { data } = await (
      await GoldenFile.open(golden("pipeline/number_formats.safetensors"))
    ).tensor("e4m3fn.values");
    expect(byteTables.F8_E4M3).toEqual(data);
  });

  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65_504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])("half precision %i is %d", (code, value) => {
    expect(f16Table[code]).toBe(value);
  });

  it("half-precision values rise with their codes", () => {
    for (let code = 1; code <= 0x7c00; code++) {
      expect(f16Table[code] as number).toBeGreaterThan(f16Table[code - 1] as number);
    }
  });

  it("e5m2 is the upper byte of half precision, bf16 the upper half of fp32", () => {
    expect([...byteTables.F8_E5M2].every((value, code) => Object.is(value, f16Table[code << 8]))).toBe(true);
    expect([...bf16Values(Uint16Array.of(0x3f80, 0xc040, 0x0000))]).toEqual([1, -3, 0]);
  });

  it("integers and halves are decoded from data at odd places", () => {
    const bytes = new Uint8Array([9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).subarray(1);
    expect([...decode("I64", bytes)]).toEqual([-1]);
    expect([...decode("F16", new Uint8Array([0, 0x00, 0x3c]).subarray(1))]).toEqual([1]);
  });
});

describe("quantised blocks", () => {
  it.each<StoredType>(["Q8_0", "Q4_0", "Q5_0", "Q4_K", "Q5_K", "Q6_K"])("%s is decoded bit for bit", async (type) => {
    const file = await GoldenFile.open(golden("pipeline/gguf_blocks.safetensors"));
    const raw = Uint8Array.from(await file.bytes(`${type}.raw`));
    expect(raw.length).toBe(24 * storedTypes[type].bytes);
    expect(decode(type, raw)).toEqual((await file.tensor(`${type}.values`)).data);
  });

  it("a Q8_0 block by hand: d = 0.5, first values 2 and −3", () => {
    const block = new Uint8Array(34);
    block.set([0x00, 0x38, 2, 253]);
    expect([...decode("Q8_0", block).subarray(0, 3)]).toEqual([1, -1.5, 0]);
  });
});
