import { describe, expect, it } from "vitest";
import { finite } from "../../engine/seedvr2/finite.ts";

describe("computed values", () => {
  it.each([
    ["one that is no number", [1, Number.NaN, 2]],
    ["an infinite one", [1, Infinity]],
    ["infinities of both signs", [Infinity, -Infinity]],
  ])("with %s are refused, naming the stage", (_what, values) => {
    const check = () => finite(Float32Array.from(values), "decoder");
    expect(check).toThrow(expect.objectContaining({ code: "provider_failed", facts: { stage: "decoder" } }) as never);
  });

  it("of any finite size are kept", () => {
    const values = Float32Array.of(3.4e38, 3.4e38, -1, 0);
    expect(finite(values, "decoder")).toBe(values);
  });
});
