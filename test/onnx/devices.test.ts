import { describe, expect, it } from "vitest";
import { loweringOf, passedOver, processor } from "../../engine/onnx/device-choice.ts";
import { deviceName, devicesFor } from "../../engine/onnx/providers.ts";
import { tryDevice } from "../../engine/onnx/try-device.ts";

describe("a wish for a device", () => {
  it.each([
    ["auto", "linux", ["cuda", "webgpu", "cpu"]],
    ["auto", "win32", ["dml", "webgpu", "cpu"]],
    ["auto", "darwin", ["coreml", "webgpu", "cpu"]],
    ["auto", "freebsd", ["cpu"]],
    ["cpu", "linux", ["cpu"]],
    ["webgpu", "linux", ["webgpu"]],
    ["cuda:1", "linux", ["cuda:1"]],
    ["tensorrt:0", "linux", ["tensorrt:0"]],
  ] as const)("%s on %s is %j", (wish, platform, names) => {
    expect(devicesFor(wish, platform).map(deviceName)).toEqual(names);
  });

  it.each(["gpu", "cuda:", "cuda:x", "webgpu:1", "cpu:0", "auto:1", "", "cuda:1:2"])("%j is refused", (wish) => {
    expect(() => devicesFor(wish, "linux")).toThrow(expect.objectContaining({ code: "invalid_parameter" }) as never);
  });
});

describe("auto", () => {
  it("passes over a device that is no faster than the processor, and says both rates", () => {
    expect(passedOver({ rate: 1.8, processorRate: 68 })).toMatch(/1\.8 GFLOP\/s, the processor 68/);
    expect(passedOver({ rate: 900, processorRate: 68 })).toBeUndefined();
  });
});

describe("a trial", () => {
  it("of the processor finds that it computes rightly in fp32, and how fast", async () => {
    const trial = await tryDevice({ provider: "cpu" });
    expect(trial).toMatchObject({ device: "cpu", works: true, choice: processor });
    expect(trial.rate).toBeGreaterThan(0);
  });

  it("of a provider that is not there gives the runtime's words", async () => {
    const absent = process.platform === "win32" ? "coreml" : "dml";
    expect(await tryDevice({ provider: absent })).toEqual({
      device: absent,
      works: false,
      reason: expect.stringContaining(absent),
    });
  });
});

describe("stored weights", () => {
  it("go to the processor as they are, and to GPUs in types they compute in", () => {
    expect(loweringOf(processor).weights).toBe("stored");
    expect(loweringOf({ provider: "webgpu", attention: "plain", arithmetic: "fp16" })).toEqual({
      ...{ attention: "plain", arithmetic: "fp16", weights: "converted" },
    });
  });
});
