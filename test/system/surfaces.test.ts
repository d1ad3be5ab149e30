import { once } from "node:events";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeClip, makePicture } from "./media.ts";
import { TestMachine, ended, isAlive, until } from "./program.ts";

type Structured = Record<string, unknown>;

it("does a clip for a real MCP client, with progress, and goes on when the host quits", async () => {
  const machine = await TestMachine.make({ FFMPEG_PATH: "" });
  const client = await machine.mcpClient();
  const clip = await makeClip(machine.folder, "a clip.mp4", { frames: 40, size: "96x64" });
  const submitted = await client.callTool({ name: "submit_video_task", arguments: { file_path: clip, scale: 2 } });
  const { task_id } = submitted.structuredContent as { task_id: string };
  await client.close();
  const other = await machine.mcpClient();
  const progress: number[] = [];
  const waited = await other.callTool({ name: "wait_for_task", arguments: { task_id } }, undefined, {
    onprogress: (notification) => progress.push(notification.progress),
  });
  expect(waited.structuredContent).toMatchObject({ status: "completed", output_resolution: "192x128" });
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
  const path = (waited.structuredContent as { output_path: string }).output_path;
  expect(JSON.stringify(waited.content)).toContain(path);
  expect((await stat(path)).size).toBeGreaterThan(0);
});

it("answers a pipe client that sends one call without initialize and without a final newline", async () => {
  const machine = await TestMachine.make();
  const call = (name: string, args: object) =>
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } });
  const list = await machine.run(["mcp"], '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n');
  expect(JSON.parse(list.stdout).result.tools).toHaveLength(15);
  expect(list.code).toBe(0);
  const clip = await makeClip(machine.folder, "clip.mp4", { frames: 30 });
  const submitted = await machine.run(["mcp"], call("submit_video_task", { file_path: clip, resolution: 96 }));
  const { task_id } = JSON.parse(submitted.stdout).result.structuredContent as { task_id: string };
  const waited = await machine.run(["mcp"], call("wait_for_task", { task_id, timeout: 300 }));
  expect(JSON.parse(waited.stdout).result.structuredContent).toMatchObject({ status: "completed", id: task_id });
});

it("does nothing before a tool is called: no folder, no engine", async () => {
  const machine = await TestMachine.make();
  const client = await machine.mcpClient();
  await client.listTools();
  await client.listPrompts();
  await client.close();
  await expect(stat(machine.stateDir)).rejects.toThrow();
});

it("ends within 2 s when its host closes stdin, while the engine lives on", async () => {
  const machine = await TestMachine.make();
  const server = machine.start(["mcp"]);
  server.stdin!.write(
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_queue_status","arguments":{}}}\n',
  );
  await once(server.stdout!, "data");
  const engine = machine.enginePid();
  server.stdin!.end();
  await once(server, "exit");
  expect(isAlive(engine)).toBe(true);
});

it("serves REST with the contract's fields, uploads and downloads", async () => {
  const machine = await TestMachine.make();
  await machine.engine().call("get_health", {});
  const get = async (path: string) => (await (await fetch(machine.url(path))).json()) as Structured;
  expect(await get("/health")).toMatchObject({ status: "healthy", queue_enabled: true, queue_length: 0 });
  const models = (await get("/api/models")) as { models: { name: string }[]; default: string };
  expect(models.models).toHaveLength(30);
  expect(models.models[12]).toMatchObject({ name: "builtin_x2.onnx", installed: true, runnable: true, builtin: true });
  expect(models.default).toBe("builtin_x2.onnx");
  const form = new FormData();
  form.set("file", new Blob([await readFile(await makePicture(machine.folder, "up.png"))]), "Ünicode name.png");
  form.set("resolution", "60");
  form.set("batch_size", "1");
  const answer = await fetch(machine.url("/api/process"), { method: "POST", body: form });
  const { task_id } = (await answer.json()) as { task_id: string };
  await ended(machine.engine(), task_id);
  expect(await get(`/api/status/${task_id}`)).toMatchObject({ id: task_id, status: "completed", progress: 100 });
  expect(await get("/api/queue/history")).toMatchObject({ history: [{ id: task_id, output_resolution: "80x60" }] });
  const download = await fetch(machine.url(`/api/download/${task_id}`));
  expect(download.headers.get("content-type")).toBe("image/png");
  expect((await download.arrayBuffer()).byteLength).toBeGreaterThan(100);
  const uploads = join(machine.stateDir, "uploads");
  await until(async () => (await readdir(uploads)).length === 0, "the upload is deleted");
});

it("refuses models that cannot run, on each surface, with the reason", async () => {
  const machine = await TestMachine.make();
  const name = "seedvr2_ema_3b_fp8_e4m3fn.safetensors";
  const engine = machine.engine();
  const picture = await makePicture(machine.folder, "p.png");
  await expect(engine.call("switch_model", { model: name })).rejects.toMatchObject({ code: "not_installed" });
  await expect(engine.call("submit_image_task", { file_path: picture, dit_model: "3b_fp9" })).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringContaining("Did you mean"),
  });
  const answer = await fetch(machine.url("/api/models/switch"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: name }),
  });
  expect(answer.status).toBe(404);
});

it("enlarges from the command line, with results on stdout alone", async () => {
  const machine = await TestMachine.make();
  const picture = await makePicture(machine.folder, 'it\'s a "picture".png');
  const one = await machine.run(["upscale", picture, "--scale", "2", "-o", join(machine.folder, "big.jpg")]);
  expect(one).toMatchObject({ code: 0, stdout: `${join(machine.folder, "big.jpg")}\n` });
  const again = await machine.run(["upscale", picture, "--scale", "2", "-o", join(machine.folder, "big.jpg")]);
  expect(again).toMatchObject({ code: 4, stdout: "" });
  const json = await machine.run(["upscale", picture, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ status: "completed", output_resolution: "1440x1080" });
  const bad = await machine.run(["upscale", picture, "--resolution", "0"]);
  expect(bad.code).toBe(2);
  expect(bad.stderr).toContain("whole number 16–16384");
});
