import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** A GPU of this machine, as its driver tells. */
export interface GpuFigures {
  readonly name: string;
  /** 0 where the driver does not tell. */
  readonly usedMb: number;
  readonly totalMb: number;
}

/** nvidia-smi answers in a tenth of this where its driver is well. Milliseconds. */
const PATIENCE = 3000;
const MIB = 2 ** 20;
/** Left to the screen and to the runtime; what is planned with where the driver tells nothing. Bytes. */
const GPU_RESERVE = 1e9;
const UNTOLD = 6e9;

type Environment = Readonly<Record<string, string | undefined>>;

/** The GPUs that a process of this environment sees, as nvidia-smi tells of them, else as Linux does; none elsewhere. */
export async function gpuFigures(environment: Environment): Promise<readonly GpuFigures[]> {
  const nvidia = visibleFigures(await nvidiaFigures(), environment["CUDA_VISIBLE_DEVICES"]);
  return nvidia.length > 0 ? nvidia : kernelFigures();
}

/** Bytes that networks on a GPU may plan with: what is free now, less a reserve. */
export async function freeGpuMemory(environment: Environment, index = 0): Promise<number> {
  const gpu = (await gpuFigures(environment))[index];
  if (!gpu?.totalMb) return UNTOLD;
  return Math.max(GPU_RESERVE, (gpu.totalMb - gpu.usedMb) * MIB - GPU_RESERVE);
}

/** Those that CUDA is let see, in the order it numbers them; all where they are not told by number. */
export function visibleFigures(all: readonly GpuFigures[], visible: string | undefined): readonly GpuFigures[] {
  if (visible === undefined || !/^\d+(,\d+)*$/.test(visible)) return all;
  return visible.split(",").flatMap((number) => all[Number(number)] ?? []);
}

async function nvidiaFigures(): Promise<readonly GpuFigures[]> {
  const query = ["--query-gpu=name,memory.used,memory.total", "--format=csv,noheader,nounits"];
  const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: PATIENCE }).catch(() => ({
    stdout: "",
  }));
  return readNvidiaFigures(stdout);
}

/** Lines `NAME, USED, TOTAL` with memory in MiB, a line for each GPU. */
export function readNvidiaFigures(text: string): readonly GpuFigures[] {
  return text.split("\n").flatMap((line) => {
    const { name, used, total } = /^(?<name>.+), (?<used>\d+), (?<total>\d+)\s*$/.exec(line)?.groups ?? {};
    return name === undefined ? [] : [{ name, usedMb: Number(used), totalMb: Number(total) }];
  });
}

/** PCI vendors of GPUs. */
const vendors: Readonly<Record<string, string>> = { "0x1002": "AMD", "0x10de": "NVIDIA", "0x8086": "Intel" };

/** What Linux tells of GPUs: vendor and device for all, memory for AMD's. `root` is the kernel's folder of them. */
export async function kernelFigures(root = "/sys/class/drm"): Promise<readonly GpuFigures[]> {
  const cards = (await readdir(root).catch(() => [])).filter((name) => /^card\d+$/.test(name)).sort();
  const found = await Promise.all(
    cards.map(async (card) => {
      const told = async (file: string) =>
        (await readFile(join(root, card, "device", file), "utf8").catch(() => "")).trim();
      const vendor = vendors[await told("vendor")];
      if (vendor === undefined) return [];
      const mib = async (file: string) => Math.round(Number(await told(file)) / MIB);
      const name = `${vendor} ${(await told("product_name")) || (await told("device"))}`;
      return [{ name, usedMb: await mib("mem_info_vram_used"), totalMb: await mib("mem_info_vram_total") }];
    }),
  );
  return found.flat();
}
