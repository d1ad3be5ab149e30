import { describe, expect, it } from "vitest";
import type { Frame } from "../../engine/media/frame.ts";
import { batchesOf } from "../../engine/pipeline/batches.ts";
import { Trace } from "../../engine/pipeline/trace.ts";
import { aFrame } from "../contracts/upscaler-contract.ts";

async function* clip(from: number, count: number): AsyncGenerator<Frame> {
  for (let i = 0; i < count; i++) yield aFrame(2, 2, { time: BigInt(from + i) });
}

describe("batches", () => {
  it.each([
    ["one by one", 3, { owned: 1, before: 0, after: 0 }, ["0|0|", "1|1|", "2|2|"]],
    ["the last one shorter", 5, { owned: 2, before: 0, after: 0 }, ["01|01|", "23|23|", "4|4|"]],
    ["context on both sides", 5, { owned: 2, before: 1, after: 1 }, ["012|01|", "1234|23|", "34|4|"]],
    ["context longer than the clip", 2, { owned: 1, before: 3, after: 3 }, ["01|0|", "01|1|"]],
    ["no frame at all", 0, { owned: 4, before: 1, after: 1 }, []],
  ] as const)("%s", async (_what, count, plan, expected) => {
    const made: string[] = [];
    for await (const { frames, owned, first } of batchesOf(clip(0, count), plan)) {
      const times = frames.map((frame) => frame.time);
      expect(Number(times[0])).toBe(first);
      made.push(`${times.join("")}|${times.slice(owned.start, owned.start + owned.count).join("")}|`);
    }
    expect(made).toEqual(expected);
  });

  it("go on in the middle of a clip as if they had begun at its start", async () => {
    const plan = { owned: 2, before: 1, after: 0 };
    const made = [];
    for await (const batch of batchesOf(clip(3, 4), plan, { first: 3, owned: 4 })) made.push(batch);
    expect(made.map(({ first, owned }) => [first, owned.start, owned.count])).toEqual([
      [3, 1, 2],
      [5, 1, 1],
    ]);
  });
});

describe("trace", () => {
  function traced(events: readonly (readonly [number, "begin" | "end", "decode" | "upscale" | "encode"])[]) {
    let time = 0;
    const trace = new Trace(() => time);
    for (const [at, what, stage] of events) {
      time = at;
      trace[what](stage);
    }
    return trace.summary();
  }

  it("is 1 where the shorter stages lie within the longest", () => {
    const summary = traced([
      [0, "begin", "upscale"],
      [0, "begin", "decode"],
      [1000, "end", "decode"],
      [2000, "begin", "encode"],
      [4000, "end", "encode"],
      [9000, "end", "upscale"],
    ]);
    expect(summary).toEqual({ seconds: { decode: 1, upscale: 9, encode: 2 }, overlap: 1, wallSeconds: 9 });
  });

  it("is 0 where one comes after the other", () => {
    const summary = traced([
      [0, "begin", "decode"],
      [1000, "end", "decode"],
      [1000, "begin", "upscale"],
      [2000, "end", "upscale"],
    ]);
    expect(summary).toMatchObject({ overlap: 0, wallSeconds: 2 });
  });
});
