import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DeviceChooser } from "../../engine/worker/choose-device.ts";
import { kernelFigures, readNvidiaFigures, visibleFigures } from "../../engine/worker/gpu-figures.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const fast = { rate: 9000, processorRate: 100 };
const slow = { rate: 2, processorRate: 100 };
const answer = (device: string, rates: object) => {
  const choice = { provider: device.split(":")[0], attention: "plain", arithmetic: "fp16" };
  return `console.log('note of a driver'); console.log(${JSON.stringify(JSON.stringify({ device, works: true, ...rates, choice }))});`;
};

/** A chooser whose worker behaves, for each device, as a piece of JavaScript says. */
async function chooser(wish: string, behaviour: Readonly<Record<string, string>>): Promise<DeviceChooser> {
  const entry = join(await temporaryFolder(), "worker.mjs");
  const cases = Object.entries(behaviour).map(([provider, code]) => `case "${provider}": ${code} break;`);
  await writeFile(entry, `switch (JSON.parse(process.argv[3]).provider) { ${cases.join("\n")} }`);
  return new DeviceChooser(wish, { entry, environment: { PATH: process.env["PATH"] } });
}

const crash = "process.stderr.write('the driver is lost\\n'); process.kill(process.pid, 'SIGSEGV');";
/** The first devices of the platform that these tests run on; the last is the processor. */
const gpus =
  process.platform === "win32"
    ? ["dml", "webgpu"]
    : process.platform === "darwin"
      ? ["coreml", "webgpu"]
      : ["cuda", "webgpu"];
const [first = "", second = ""] = gpus;

describe("a device for SeedVR2", () => {
  it("is with auto the first that works and is faster than the processor; others keep their reason", async () => {
    const devices = await chooser("auto", { [first]: crash, [second]: answer(second, fast) });
    expect(await devices.choose()).toMatchObject({ provider: second, attention: "plain", arithmetic: "fp16" });
    expect(devices.tried).toMatchObject([
      { device: first, works: false, reason: expect.stringMatching(/SIGSEGV|exit code/) },
      { device: second, works: true },
    ]);
  });

  it("is the processor where a software adapter is all there is", async () => {
    const devices = await chooser("auto", { [first]: crash, [second]: answer(second, slow) });
    expect(await devices.choose()).toEqual({ provider: "cpu", attention: "fused", arithmetic: "fp32" });
    expect(devices.tried.map(({ device, reason }) => [device, reason])).toEqual([
      [first, expect.any(String)],
      [second, expect.stringContaining("2.0 GFLOP/s, the processor 100")],
      ["cpu", undefined],
    ]);
  });

  it("is a slow one where it is asked for, with the memory it may be planned with", async () => {
    const devices = await chooser("webgpu", { webgpu: answer("webgpu", slow) });
    expect(await devices.choose()).toMatchObject({ provider: "webgpu", memory: expect.any(Number) });
  });

  it("that is asked for and fails is refused with its reason, and tried again the next time", async () => {
    const devices = await chooser("cuda:1", { cuda: crash });
    for (let i = 0; i < 2; i++) {
      await expect(devices.choose()).rejects.toMatchObject({
        code: "provider_failed",
        facts: { failures: [{ device: "cuda:1", reason: expect.stringContaining("the driver is lost") }] },
      });
    }
  });

  it("is decided once", async () => {
    const devices = await chooser("webgpu", { webgpu: answer("webgpu", fast) });
    expect(await devices.choose()).toBe(await devices.choose());
  });

  it("is not waited for after a cancellation", async () => {
    const devices = await chooser("webgpu", { webgpu: "setInterval(() => {}, 1000);" });
    const cancel = new AbortController();
    const chosen = devices.choose(cancel.signal);
    cancel.abort();
    await expect(chosen).rejects.toThrow(/abort/i);
  });
});

describe("figures of GPUs", () => {
  it("are read from nvidia-smi's lines", () => {
    expect(readNvidiaFigures("NVIDIA H100 80GB HBM3, 1024, 81559\nNVIDIA A2, SXM, 0, 15356\n")).toEqual([
      { name: "NVIDIA H100 80GB HBM3", usedMb: 1024, totalMb: 81_559 },
      { name: "NVIDIA A2, SXM", usedMb: 0, totalMb: 15_356 },
    ]);
    expect(readNvidiaFigures("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")).toEqual(
      [],
    );
  });

  it("are those that CUDA is let see, numbered as it numbers them", () => {
    const all = ["a", "b", "c"].map((name) => ({ name, usedMb: 0, totalMb: 1 }));
    const names = (visible?: string) => visibleFigures(all, visible).map(({ name }) => name);
    expect(["2", "2,0", "7", "GPU-1a2b", undefined].map(names)).toEqual([
      ["c"],
      ["c", "a"],
      [],
      ["a", "b", "c"],
      ["a", "b", "c"],
    ]);
  });

  it("are read from the kernel's folder otherwise, as far as it tells", async () => {
    const root = await temporaryFolder();
    const card = async (name: string, files: Readonly<Record<string, string>>) => {
      await mkdir(join(root, name, "device"), { recursive: true });
      for (const [file, text] of Object.entries(files)) await writeFile(join(root, name, "device", file), `${text}\n`);
    };
    await card("card0", { vendor: "0x1a03", device: "0x2000" });
    const memory = { mem_info_vram_total: String(2 ** 34), mem_info_vram_used: String(2 ** 30) };
    await card("card1", { vendor: "0x1002", device: "0x744c", ...memory });
    await card("card2", { vendor: "0x8086", device: "0xa780" });
    await card("card1-DP-1", {});
    expect(await kernelFigures(root)).toEqual([
      { name: "AMD 0x744c", usedMb: 1024, totalMb: 16_384 },
      { name: "Intel 0xa780", usedMb: 0, totalMb: 0 },
    ]);
  });

  it("are none where nothing tells of any", async () => {
    expect(await kernelFigures(join(await temporaryFolder(), "none"))).toEqual([]);
  });
});
