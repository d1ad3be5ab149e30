import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { expect, it } from "vitest";
import { tinyModel } from "../seedvr2/tiny-models.ts";
import { makeClip, makePicture } from "./media.ts";
import { TestMachine, until } from "./program.ts";

interface Ended {
  readonly status: string;
  readonly output_path: string;
  readonly output_resolution: string;
  readonly notes: readonly string[];
  readonly error?: string;
}

/** First fields of a model in the list, in the contract's order. */
const contractFields = ["name", "params", "precision", "size", "vram", "variant", "desc"];

const repackable = {
  weights: "storage/storage_tiny_q8_0.weights.gguf",
  prompt: ["storage/storage_tiny_q8_0.case1.safetensors", "txt"],
  name: "seedvr2_ema_3b-Q8_0.gguf",
} as const;

async function machineWithTinyModel() {
  const machine = await TestMachine.make();
  await tinyModel(join(machine.stateDir, "models"));
  return { machine, client: await machine.mcpClient() };
}

async function restored(client: Client, tool: string, parameters: Record<string, unknown>): Promise<Ended> {
  const submitted = await client.callTool({ name: tool, arguments: parameters });
  const { task_id } = submitted.structuredContent as { task_id: string };
  expect(task_id, JSON.stringify(submitted.content)).toBeDefined();
  const waited = await client.callTool({ name: "wait_for_task", arguments: { task_id, timeout: 100 } });
  return waited.structuredContent as unknown as Ended;
}

it("restores a picture with SeedVR2 for an MCP client: the same bytes again, others with another seed", async () => {
  const { machine, client } = await machineWithTinyModel();
  const file_path = await makePicture(machine.folder, "p.png");
  const made: Buffer[] = [];
  for (const seed of [7, 7, 8]) {
    const wish = { file_path, resolution: 45, dit_model: "3b_fp16", seed };
    const task = await restored(client, "submit_image_task", wish);
    expect(task).toMatchObject({ status: "completed", output_resolution: "60x45" });
    expect(task.notes).toContain("Colour correction: lab, exact.");
    made.push(await readFile(task.output_path));
  }
  expect(made[1]).toEqual(made[0]);
  expect(made[2]).not.toEqual(made[0]);
});

it("restores a clip with SeedVR2 for an MCP client, frames in front and overlapping batches included", async () => {
  const { machine, client } = await machineWithTinyModel();
  const file_path = await makeClip(machine.folder, "clip.mp4", { frames: 5, size: "48x32" });
  const wish = { file_path, resolution: 48, dit_model: "3b_fp16", temporal_overlap: 3, prepend_frames: 2 };
  const task = await restored(client, "submit_video_task", wish);
  expect(task).toMatchObject({ status: "completed", output_resolution: "72x48" });
  const again = await restored(client, "submit_video_task", wish);
  expect(await readFile(again.output_path)).toEqual(await readFile(task.output_path));
});

it("removes repacked files on wish, but not those of the running task, and makes them again", async () => {
  const machine = await TestMachine.make();
  const cache = join(machine.folder, "cache");
  machine.env["SEEDVR2_CACHE_DIR"] = cache;
  await tinyModel(join(machine.stateDir, "models"), repackable);
  const clean = async () => JSON.parse((await machine.run(["models", "clean", "--json"])).stdout) as object;
  const picture = await makePicture(machine.folder, "p.png");
  const upscale = (file: string) => machine.run(["upscale", file, "--dit-model", "3b-Q8_0", "--resolution", "45"]);
  expect((await upscale(picture)).code).toBe(0);
  expect((await machine.run(["models"])).stdout).toMatch(/Repacked files take 2 MB/);
  await writeFile(join(cache, "other.gguf.0.repacked.safetensors"), Buffer.alloc(10));
  const clip = upscale(await makeClip(machine.folder, "clip.mp4", { frames: 20, size: "48x32" }));
  const engine = machine.engine();
  await until(async () => (await engine.call("get_queue_status", {})).processing !== null, "the clip is worked on");
  expect(await clean()).toMatchObject({ removed_bytes: 10, kept_bytes: expect.toSatisfy((n: number) => n > 1e6) });
  expect(await clip).toMatchObject({ code: 0 });
  expect(await clean()).toMatchObject({ removed_bytes: expect.toSatisfy((n: number) => n > 1e6), kept_bytes: 0 });
  expect((await engine.call("list_available_models", {})).cache_bytes).toBe(0);
  expect((await upscale(picture)).code).toBe(0);
  expect((await engine.call("list_available_models", {})).cache_bytes).toBeGreaterThan(1e6);
});

it("gives its memory back when asked, says what it computes on, and loads again for the next task", async () => {
  const { machine, client } = await machineWithTinyModel();
  const file_path = await makePicture(machine.folder, "p.png");
  const status = async () => (await client.callTool({ name: "get_gpu_status", arguments: {} })).structuredContent;
  expect(await status()).toMatchObject({ model_loaded: false, device: null, tried: [] });
  for (let i = 0; i < 2; i++) {
    const task = await restored(client, "submit_image_task", { file_path, resolution: 45, dit_model: "3b_fp16" });
    expect(task).toMatchObject({ status: "completed" });
    expect(await status()).toMatchObject({
      ...{ model_loaded: true, current_model: "seedvr2_ema_3b_fp16.safetensors", loading: false },
      tried: expect.arrayContaining([expect.objectContaining({ works: true })]),
    });
    await client.callTool({ name: "release_gpu_memory", arguments: {} });
    expect(await status()).toMatchObject({ model_loaded: false, current_model: null, device: null });
  }
});

it("plans alike over MCP, REST and the command line, by the file's own tensors, and learns its time", async () => {
  const { machine, client } = await machineWithTinyModel();
  const file_path = await makePicture(machine.folder, "p.png");
  const wish = { file_path, resolution: 45 };
  const overMcp = async () => (await client.callTool({ name: "plan", arguments: wish })).structuredContent;
  const first = await overMcp();
  expect(first).toMatchObject({
    ...{ model: "seedvr2_ema_3b_fp16.safetensors", width: 60, height: 45, batch_size: 1, tiles: null, fits: true },
    ...{ reason: expect.stringContaining("fp16"), time_from: "not measured yet", expected_seconds: null },
    prompt: { source: "separate", path: join(machine.stateDir, "models", "pos_emb.safetensors") },
    next_step: expect.stringContaining("submit_image_task"),
  });
  const { message, next_step, ...plan } = first as Record<string, unknown>;
  expect(message).toBe(plan["summary"]);
  expect(next_step).toContain("3b_fp16");
  const url = machine.url("/api/plan");
  const headers = { "content-type": "application/json" };
  const posted = await fetch(url, { method: "POST", headers, body: JSON.stringify(wish) });
  expect([posted.status, await posted.json()]).toEqual([200, plan]);
  const form = new FormData();
  form.set("resolution", "45");
  form.set("file", new Blob([await readFile(file_path)]), "p.png");
  expect(await (await fetch(url, { method: "POST", body: form })).json()).toEqual(plan);
  expect(await readdir(join(machine.stateDir, "uploads")), "what was uploaded is gone").toEqual([]);
  const typed = await machine.run(["plan", file_path, "--resolution", "45", "--json"]);
  expect(JSON.parse(typed.stdout)).toEqual(plan);
  expect((await machine.run(["plan", file_path, "--resolution", "45"])).stdout).toBe(`${String(plan["summary"])}\n`);
  await restored(client, "submit_image_task", { ...wish, dit_model: "3b_fp16" });
  expect(await overMcp()).toMatchObject({ time_from: "measured here", expected_seconds: expect.any(Number) });
});

it("refuses at submission what no memory here could hold, on each surface, and says what each model needs", async () => {
  const { machine, client } = await machineWithTinyModel();
  const file_path = await makeClip(machine.folder, "clip.mp4", { frames: 5, size: "64x48" });
  const wish = { file_path, resolution: 6000, dit_model: "3b_fp16", vae_tiling: "off" };
  const refused = await client.callTool({ name: "submit_video_task", arguments: wish });
  expect(refused.isError).toBe(true);
  expect(JSON.stringify(refused.content)).toMatch(/needs about \d+ GB of memory, and there are \d+(\.\d)? GB/);
  const typed = ["upscale", file_path, "--resolution", "6000", "--dit-model", "3b_fp16", "--vae-tiling", "off"];
  expect(await machine.run(typed)).toMatchObject({ code: 2, stderr: expect.stringContaining("With ") });
  const { models } = await machine.engine().call("list_available_models", {});
  expect(models).toHaveLength(30);
  for (const model of models)
    expect(model).toMatchObject({ memory_bytes: expect.any(Number), fits: expect.any(Boolean) });
  expect(Object.keys(models[0]!).slice(0, 7)).toEqual(contractFields);
  expect((await machine.run(["models"])).stdout).toMatch(/3b_fp16.* \d+\.\d GB, (fits|does not fit) +ready/);
});
