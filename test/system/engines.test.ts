import { resolve } from "node:path";
import { expect } from "vitest";
import { connectEngine, openEngine } from "../../engine/index.ts";
import type { Caller } from "../../engine/index.ts";
import { engineContract } from "../contracts/engine-contract.ts";
import type { TestMachine } from "./program.ts";
import { programVersion } from "./program.ts";

const root = resolve(import.meta.dirname, "../..");

function callerOf(machine: TestMachine): Caller {
  return {
    outputFolder: machine.outputs,
    allowedFolders: [machine.folder],
    defaultModel: null,
    engineSettings: {},
  };
}

engineContract("local, in this process", async (machine) => {
  const config = {
    ...{
      stateDir: machine.stateDir,
      ...{ modelDirs: [], comfyFolders: [] },
      download: {
        ...{ modelUrl: null, endpoint: "http://127.0.0.1:1", token: null, idleSeconds: 1, pauseSeconds: 0 },
        proxies: { http: null, https: null, except: null },
      },
      uploadDir: `${machine.stateDir}/uploads`,
      cacheDir: `${machine.folder}/cache`,
    },
    ...{ maxUploadBytes: 1e6, maxHistory: 100, workerIdleSeconds: 0, ffmpegPath: null, device: "cpu", threads: 1 },
    ...{ segmentFrames: 10, builtinModel: `${root}/models/builtin_x2.onnx`, workerEntry: `${root}/dist/worker.js` },
    ...{ version: programVersion, settings: {}, workerEnvironment: process.env },
  };
  const engine = await openEngine(config, {
    caller: callerOf(machine),
    port: () => 0,
    onStop: () => {},
    log: () => {},
  });
  expect(engine, "the state folder is free").not.toBeNull();
  return engine!;
});

engineContract("remote, of this machine", async (machine) => machine.engine());

engineContract("elsewhere, through its public REST", async (machine) => {
  await machine.engine().call("get_health", {});
  return connectEngine({
    ...{ stateDir: "", version: programVersion, apiToken: null, apiUrl: machine.url("") },
    caller: callerOf(machine),
    launch: { command: "", args: [] },
  });
});
