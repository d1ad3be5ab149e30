import { describe, expect, it } from "vitest";
import { expectedSeconds, positionOf, remainingSeconds, waits } from "../../engine/tasks/estimates.ts";
import type { Task } from "../../engine/tasks/task.ts";
import { untouched } from "../../engine/tasks/task.ts";
import { aSubmission } from "../contracts/task-store-contract.ts";

/** A task of one output megapixel. */
function task(id: string, changes: Partial<Task> = {}): Task {
  return {
    ...aSubmission({ target: { width: 1000, height: 1000 }, frames: 1 }),
    ...{ id, state: "queued", createdAt: 0, startedAt: null, endedAt: null },
    ...{ progress: untouched, deaths: 0, outcome: null, error: null },
    ...changes,
  };
}

/** A finished task of so many output megapixels. */
const took = (seconds: number, megapixels = 1, model = "builtin_x2.onnx") =>
  task("done", {
    state: "completed",
    startedAt: 0,
    endedAt: seconds * 1000,
    target: { width: 1000, height: 1000 * megapixels },
    parameters: { ...aSubmission().parameters, dit_model: model },
  });

describe("estimates", () => {
  it("are learnt from what this machine did with the same model: a fixed part and one by size", () => {
    const history = [took(1, 0.01), took(101, 50), took(900, 1, "other.gguf")];
    expect(expectedSeconds(task("a"), history)).toBeCloseTo(1 + 100 / 50.01);
    expect(expectedSeconds(task("a", { frames: 100 }), history)).toBeCloseTo(1 + 100 * (100 / 50.01));
  });

  it("are not led astray by a first tiny task", () => {
    expect(expectedSeconds(task("a", { frames: 100 }), [took(1, 0.001)])).toBeLessThan(60);
  });

  it("use other models where the model is new", () => {
    expect(expectedSeconds(task("a"), [took(7, 1, "other.gguf")])).toBe(7);
  });

  it("follow a running task's own pace once a tenth is done", () => {
    const running = task("a", { state: "processing", startedAt: 0, progress: { ...untouched, share: 0.25 } });
    expect(remainingSeconds(running, [took(1)], 10_000)).toBe(30);
  });

  it("add up along the queue", () => {
    const running = task("a", { state: "processing", startedAt: 0, progress: { ...untouched, share: 0.5 } });
    expect([...waits([running, task("b"), task("c")], [took(3)], 10_000)]).toEqual([
      ["a", 10],
      ["b", 13],
      ["c", 16],
    ]);
  });
});

it.each([
  ["the first waiting task behind a running one is number 2", [task("r", { state: "processing" }), task("w")], "w", 2],
  ["a running task is 0", [task("r", { state: "processing" }), task("w")], "r", 0],
  ["with nothing running the first is 1", [task("w"), task("x")], "w", 1],
  ["an ended task is 0", [task("w")], "gone", 0],
] as const)("position: %s", (_what, pending, id, position) => {
  expect(positionOf(id, pending)).toBe(position);
});
