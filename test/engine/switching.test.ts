import { describe, expect, it, vi } from "vitest";
import type { EngineConfig } from "../../engine/config.ts";
import { Models } from "../../engine/local/models.ts";
import type { ModelSpec } from "../../engine/pipeline/job.ts";
import { tinyModel } from "../seedvr2/tiny-models.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const builtin = "builtin_x2.onnx";
const seedvr2 = "seedvr2_ema_3b_fp16.safetensors";

/** Models of an engine in which a task runs with `at.running` and `at.loaded` is in memory. */
async function someModels(at: { running: string | null; loaded: string | null }) {
  const folder = await temporaryFolder();
  await tinyModel(folder);
  const download = { modelUrl: null, endpoint: "http://127.0.0.1:1", token: null, idleSeconds: 1, pauseSeconds: 1 };
  const config = {
    ...{ modelDirs: [folder], comfyFolders: [], builtinModel: `/program/${builtin}`, cacheDir: folder },
    download: { ...download, proxies: { http: null, https: null, except: null } },
  } as unknown as EngineConfig;
  const asked: string[] = [];
  const supervisor = {
    ...{ loading: null, device: undefined },
    get loaded() {
      return at.loaded === null ? null : { model: at.loaded, device: "cpu" };
    },
    load: async ({ name }: ModelSpec) => {
      asked.push(name);
      at.loaded = name;
    },
  };
  const onError = (error: unknown) => expect.fail(String(error));
  return { models: new Models({ config, supervisor, inUse: () => at.running, onError }), asked };
}

describe("switching to a model", () => {
  it("loads it at once where no task runs", async () => {
    const { models, asked } = await someModels({ running: null, loaded: builtin });
    expect(await models.switchTo("3b_fp16", false)).toEqual({ status: "loaded", model: seedvr2 });
    expect(asked).toEqual([seedvr2]);
  });

  it("loads it after a running task with another, once", async () => {
    const at: { running: string | null; loaded: string | null } = { running: builtin, loaded: builtin };
    const { models, asked } = await someModels(at);
    expect(await models.switchTo("3b_fp16", false)).toEqual({ status: "scheduled", model: seedvr2 });
    expect(asked).toEqual([]);
    at.running = null;
    models.taskRests();
    await vi.waitFor(() => expect(asked).toEqual([seedvr2]));
    models.taskRests();
    expect(asked).toHaveLength(1);
  });

  it("tells of the running task's own whether it is loaded yet, and forgets an earlier wish", async () => {
    const at: { running: string | null; loaded: string | null } = { running: builtin, loaded: null };
    const { models, asked } = await someModels(at);
    await models.switchTo("3b_fp16", false);
    expect(await models.switchTo(builtin, false)).toEqual({ status: "loading", model: builtin });
    at.loaded = builtin;
    expect(await models.switchTo(builtin, false)).toEqual({ status: "loaded", model: builtin });
    at.running = null;
    models.taskRests();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(asked).toEqual([]);
  });
});
