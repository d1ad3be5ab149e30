import { readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { golden } from "../fixtures/golden-path.ts";
import { answers, dropsAfter, fileServer, hangs, serves } from "../models/file-server.ts";
import { tinyModel } from "../seedvr2/tiny-models.ts";
import { makePicture } from "./media.ts";
import { TestMachine } from "./program.ts";

/** A published name without a published hash, so that the tiny network may stand for it. */
const NAME = "seedvr2_ema_7b_fp8_e4m3fn.safetensors";
const bytes = await readFile(golden("chain/chain_tiny_3b.dit.weights.safetensors"));

/** A machine that has autoencoder and prompt embedding, and fetches from this server. */
async function machineFor(url: string): Promise<TestMachine> {
  const machine = await TestMachine.make({ SEEDVR2_MODEL_URL: url });
  const { path } = await tinyModel(join(machine.stateDir, "models"));
  await rm(path);
  return machine;
}

it("pulls a model over a bad connection and lists it as ready", async () => {
  const server = await fileServer(answers(500), dropsAfter(200_000, bytes), serves(bytes));
  const machine = await machineFor(server.url);
  const pulled = await machine.run(["models", "pull", "7b_fp8"]);
  expect(pulled, pulled.stderr).toMatchObject({ code: 0 });
  expect(pulled.stdout.trim()).toBe(join(machine.stateDir, "models", NAME));
  expect((await readFile(pulled.stdout.trim())).equals(bytes)).toBe(true);
  const listed = await machine.run(["models"]);
  expect(listed.stdout).toMatch(new RegExp(`${NAME}.*ready`));
});

it("says how to get a model by hand when the server does not have it", async () => {
  const machine = await machineFor((await fileServer(answers(404))).url);
  const pulled = await machine.run(["models", "pull", "7b_fp8"]);
  expect(pulled).toMatchObject({ code: 1, stdout: "" });
  expect(pulled.stderr).toContain("404");
});

it("fetches nothing beside a file that cannot be read, and says so", async () => {
  const machine = await TestMachine.make({ SEEDVR2_MODEL_URL: (await fileServer(serves(bytes))).url });
  const { path, autoencoder } = await tinyModel(join(machine.stateDir, "models"));
  await rm(autoencoder);
  await truncate(path, 100_000);
  const pulled = await machine.run(["models", "pull", "3b_fp16"]);
  expect(pulled).toMatchObject({ code: 3, stdout: "" });
  expect(pulled.stderr).toContain(`Move ${path} elsewhere`);
});

it("fails a task whose model cannot run for all that can be fetched", async () => {
  const machine = await machineFor((await fileServer(serves(bytes))).url);
  await truncate(join(machine.stateDir, "models", "ema_vae_fp16.safetensors"), 100_000);
  const wish = { file_path: await makePicture(machine.folder, "p.png"), resolution: 45 };
  const engine = machine.engine();
  const { task_id } = await engine.call("submit_image_task", { ...wish, dit_model: "7b_fp8", download: true });
  const ended = await engine.call("wait_for_task", { task_id, timeout: 100 });
  expect(ended).toMatchObject({ status: "failed", error_code: "not_runnable" });
});

it("fetches the model of a task that may, for an MCP client", async () => {
  const machine = await machineFor((await fileServer(serves(bytes))).url);
  const client = await machine.mcpClient();
  const wish = { file_path: await makePicture(machine.folder, "p.png"), resolution: 45, dit_model: "7b_fp8" };
  const refused = await client.callTool({ name: "submit_image_task", arguments: wish });
  expect(JSON.stringify(refused.content)).toContain("download true");
  const submitted = await client.callTool({ name: "submit_image_task", arguments: { ...wish, download: true } });
  const { task_id } = submitted.structuredContent as { task_id: string };
  const ended = await client.callTool({ name: "wait_for_task", arguments: { task_id, timeout: 100 } });
  expect(ended.structuredContent).toMatchObject({ status: "completed", output_resolution: "60x45" });
});

it("lets other tasks run while one waits for its model, which goes on after a restart of the engine", async () => {
  const machine = await machineFor((await fileServer(hangs(bytes, 200_000), serves(bytes))).url);
  const file_path = await makePicture(machine.folder, "p.png");
  const engine = machine.engine();
  const wish = { file_path, resolution: 45 };
  const waiting = await engine.call("submit_image_task", { ...wish, dit_model: "7b_fp8", download: true });
  const state = () => engine.call("get_task_status", { task_id: waiting.task_id });
  const fetched = {
    status: "queued",
    eta: null,
    stage: expect.stringMatching(/^downloading seedvr2_ema_7b/) as string,
  };
  await vi.waitFor(async () => expect(await state()).toMatchObject({ ...fetched, queue_position: 1 }), 10_000);
  const other = await engine.call("submit_image_task", { ...wish, dit_model: "builtin_x2" });
  expect(other.queue_position).toBe(1);
  const ended = (task_id: string) => engine.call("wait_for_task", { task_id, timeout: 100 });
  expect(await ended(other.task_id)).toMatchObject({ status: "completed" });
  expect(await state()).toMatchObject(fetched);
  await engine.call("stop_engine", {});
  expect(await ended(waiting.task_id)).toMatchObject({ status: "completed", output_resolution: "60x45" });
});
