import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EngineError } from "../../engine/index.ts";
import { StandInEngine, aTask } from "../stand-in-engine.ts";
import { sdkClient } from "./connection.ts";
import { busyQueue, models } from "./examples.ts";

let client: Client;

beforeEach(async () => {
  const ended = { id: "a1b2c3d4", status: "failed", created_at: "2026-11-24T10:00:00.000Z" };
  const unknown = { completed_at: null, process_time: null, output_filename: null, output_resolution: null };
  client = await sdkClient(
    new StandInEngine({
      get_queue_status: () => busyQueue,
      list_available_models: () => models,
      get_queue_history: () => ({ history: [{ ...ended, ...unknown }] }),
      get_task_status: ({ task_id }: { task_id: string }) => {
        if (task_id === "k3x9a2pq") return aTask();
        throw new EngineError("not_found", { what: `No task ${task_id}.` });
      },
    }),
  );
});

afterEach(() => client.close());

describe("resources", () => {
  test.each([
    ["seedvr2://models", models],
    ["seedvr2://queue", busyQueue],
    ["seedvr2://tasks/k3x9a2pq", aTask()],
  ])("%s is the tool's object as JSON", async (uri, object) => {
    const { contents } = await client.readResource({ uri });
    expect(contents).toEqual([{ uri, mimeType: "application/json", text: JSON.stringify(object) }]);
  });

  test.each([
    ["seedvr2://tasks/00000000", "No task 00000000."],
    ["seedvr2://tasks/nonsense-id", "8 lower-case letters and digits"],
    ["seedvr2://tasks/k3x9a2pq/more", "There is no resource"],
    ["file:///etc/passwd", "There are: seedvr2://models, seedvr2://queue, seedvr2://tasks/{id}."],
  ])("%s is not found: %s", async (uri, says) => {
    const rejection = { code: -32002, message: expect.stringContaining(says) as unknown };
    await expect(client.readResource({ uri })).rejects.toMatchObject(rejection);
  });

  test("the task's template is listed", async () => {
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(["seedvr2://tasks/{id}"]);
  });
});

describe("completion", () => {
  const template = { type: "ref/resource", uri: "seedvr2://tasks/{id}" } as const;
  const prompt = (name: string) => ({ type: "ref/prompt", name }) as const;

  test.each([
    [template, "id", "", ["k3x9a2pq", "b7c8d9e0", "a1b2c3d4"]],
    [template, "id", "B", ["b7c8d9e0"]],
    [template, "other", "", []],
    [prompt("check_on_work"), "task_id", "a1", ["a1b2c3d4"]],
    [prompt("enlarge_file"), "dit_model", "b", ["builtin_x2.onnx"]],
    [prompt("enlarge_file"), "file_path", "", []],
  ])("of %j %s %j", async (ref, name, value, values) => {
    const { completion } = await client.complete({ ref, argument: { name, value } });
    expect(completion.values).toEqual(values);
  });

  test("is empty when the engine cannot be asked", async () => {
    const alone = await sdkClient(new StandInEngine({}));
    const { completion } = await alone.complete({ ref: template, argument: { name: "id", value: "" } });
    expect(completion.values).toEqual([]);
    await alone.close();
  });
});

describe("prompts", () => {
  test.each([
    [
      "enlarge_file",
      { file_path: '/a/"b".mp4', resolution: "720", dit_model: "3b_fp8" },
      '"/a/\\"b\\".mp4" to resolution 720',
    ],
    ["enlarge_file", { file_path: "/a/b.mp4" }, "again and again while it says timed_out"],
    ["check_on_work", {}, "get_queue_history"],
    ["check_on_work", { task_id: "k3x9a2pq" }, 'task "k3x9a2pq"'],
    ["choose_model", { purpose: "old films" }, 'for "old films"?'],
    ["choose_model", {}, "Which model should I use?"],
  ])("%s %j", async (name, args, says) => {
    const { messages } = await client.getPrompt({ name, arguments: args });
    expect(messages).toEqual([
      { role: "user", content: { type: "text", text: expect.stringContaining(says) as unknown } },
    ]);
  });

  test.each([
    ["enlarge_file", "Prompt enlarge_file needs file_path"],
    ["make_coffee", "There is no prompt"],
  ])("%s without arguments is refused: %s", async (name, says) => {
    await expect(client.getPrompt({ name })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining(says),
    });
  });

  test("every name they use is a tool or an argument", async () => {
    const { prompts } = await client.listPrompts();
    const tools = (await client.listTools()).tools.map((tool) => tool.name);
    for (const { name } of prompts) {
      const { messages } = await client.getPrompt({ name, arguments: { file_path: "/a.png" } });
      const named = JSON.stringify(messages).match(/\b(get|list|submit|wait)_[a-z_]+/g) ?? [];
      expect(named.length).toBeGreaterThan(0);
      for (const tool of named) expect(tools).toContain(tool);
    }
  });
});
