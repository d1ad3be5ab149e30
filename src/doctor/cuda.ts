import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { workerEnvironment } from "../config.ts";
import { projectRoot } from "../installation.ts";
import type { Finding } from "./finding.ts";

/** Shared libraries that the runtime's CUDA provider loads: those of CUDA 12, and of cuDNN 9. */
const cudaLibraries = ["libcudart.so.12", "libcublas.so.12", "libcublasLt.so.12", "libcufft.so.11", "libcurand.so.10"];
const cudnnLibraries = ["libcudnn.so.9"];
/** Too large for the npm registry: they are fetched from nuget.org by the package's own script. */
const providerFiles = ["cuda", "shared", "tensorrt"].map((name) => `libonnxruntime_providers_${name}.so`);

/** The steps to CUDA on this machine, each with whether it is done and how to do it. */
export async function cudaFindings(hasDriver: boolean): Promise<Finding[]> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    const text = "onnxruntime-node offers it on Linux x64 only; Windows has dml, Macs coreml";
    return [{ about: "CUDA", state: "note", text }];
  }
  const known = await loadableLibraries();
  const lacking = (names: readonly string[]) => names.filter((name) => !known.has(name));
  const folder = runtimeFolder();
  return [
    step(1, "the NVIDIA driver", hasDriver ? [] : ["nvidia-smi tells of no GPU"], {
      todo: "Install the driver of your distribution, 525.60 or newer, and restart; nvidia-smi must list the GPU.",
    }),
    step(2, "the libraries of CUDA 12", lacking(cudaLibraries), {
      todo: "Install CUDA 12 (not 13) from developer.nvidia.com/cuda-downloads, e.g. the package cuda-libraries-12-8, and name its lib64 folder in LD_LIBRARY_PATH where the system's loader does not know it.",
    }),
    step(3, "cuDNN 9", lacking(cudnnLibraries), {
      todo: "Install cuDNN 9 for CUDA 12 (developer.nvidia.com/cudnn), e.g. the package libcudnn9-cuda-12.",
    }),
    step(
      4,
      "onnxruntime's CUDA provider",
      providerFiles.filter((file) => !existsSync(join(folder, file))),
      {
        todo: `In ${projectRoot()} run: ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js (it downloads several hundred MB from api.nuget.org; behind a proxy set GLOBAL_AGENT_HTTPS_PROXY too).`,
      },
    ),
    {
      about: "CUDA step 5",
      state: "note",
      text: "run doctor again: device cuda must work; then SEEDVR2_DEVICE=auto uses it",
    },
  ];
}

function step(number: number, name: string, missing: readonly string[], { todo }: { todo: string }): Finding {
  const about = `CUDA step ${number}`;
  if (missing.length === 0) return { about, state: "ok", text: `${name}: there` };
  return { about, state: "note", text: `${name}: missing ${missing.join(", ")}`, todo };
}

/** Names of shared libraries that the system's loader finds. */
async function loadableLibraries(): Promise<ReadonlySet<string>> {
  const environment = workerEnvironment();
  const { stdout } = await promisify(execFile)("ldconfig", ["-p"], {
    env: { ...environment, PATH: `${environment["PATH"] ?? ""}:/sbin:/usr/sbin` },
  }).catch(() => ({ stdout: "" }));
  const listed = stdout.split("\n").map((line) => line.trim().split(" ", 1)[0] ?? "");
  const folders = (environment["LD_LIBRARY_PATH"] ?? "").split(":").filter((folder) => folder && existsSync(folder));
  return new Set([...listed, ...folders.flatMap((folder) => readdirSync(folder))]);
}

/** Where the runtime's own libraries lie. */
function runtimeFolder(): string {
  const entry = createRequire(join(projectRoot(), "package.json")).resolve("onnxruntime-node");
  return join(dirname(dirname(entry)), "bin", "napi-v6", process.platform, process.arch);
}
