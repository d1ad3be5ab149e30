import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { EngineError, operations } from "../../engine/index.ts";
import type { Engine, OperationName } from "../../engine/index.ts";
import { tools } from "../../mcp/index.ts";
import { StandInEngine, aTask } from "../stand-in-engine.ts";
import { sdkClient, textOf } from "./connection.ts";
import { completed, examples } from "./examples.ts";

const neverOpened = async (): Promise<Engine> => {
  throw new EngineError("internal", { what: "The engine was opened without need." });
};

describe("the tool list", () => {
  test("is what it was", async () => {
    await expect(`${JSON.stringify(tools, null, 2)}\n`).toMatchFileSnapshot("__snapshots__/tools.json.snap");
  });

  test("has each operation that is meant for it", () => {
    const names = Object.entries(operations).flatMap(([name, { mcp }]) => (mcp ? [name] : []));
    expect(tools.map((tool) => tool.name)).toEqual(names);
  });

  test.each([
    ["get_task_status", { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false }],
    ["wait_for_task", { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false }],
    ["submit_image_task", { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false }],
    ["release_gpu_memory", { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false }],
    ["switch_model", { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true }],
    ["cancel_task", { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false }],
  ])("states all four hints of %s", (name, hints) => {
    expect(tools.find((tool) => tool.name === name)?.annotations).toEqual(hints);
  });

  test("uses only what every host understands: no type arrays, empty or boolean schemas, no endless integers", () => {
    for (const tool of tools) {
      for (const part of partsOf([tool.inputSchema, tool.outputSchema])) {
        expect(part.type).not.toBeInstanceOf(Array);
        expect(Object.keys(part)).not.toHaveLength(0);
        if (part.type === "integer") expect([part.minimum, part.maximum]).not.toContain(undefined);
        if (part.type === "integer") expect(Number(part.maximum)).toBeLessThan(Number.MAX_SAFE_INTEGER);
      }
    }
  });

  test("is answered, like prompts, without opening the engine", async () => {
    const client = await sdkClient(new StandInEngine({}), { engine: neverOpened });
    expect((await client.listTools()).tools).toHaveLength(tools.length);
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(1);
    expect((await client.listResources()).resources.length).toBeGreaterThan(1);
    expect(client.getInstructions()?.length).toBeLessThan(1024);
    await client.close();
  });
});

describe("a tool's answer", () => {
  test("there is an example of each tool", () => {
    expect(new Set(examples.map(({ tool }) => tool))).toEqual(new Set(tools.map((tool) => tool.name)));
  });

  test.each(examples)("$tool says: $says", async ({ tool, args, output, says, next }) => {
    const client = await sdkClient(new StandInEngine({ [tool]: () => output }));
    // The SDK's client throws when the structured part does not fit the tool's output schema.
    const result = await client.callTool({ name: tool, arguments: args });
    expect(result.isError).toBeUndefined();
    const structured = result.structuredContent as Record<string, unknown>;
    expect(structured).toMatchObject({ ...output, message: structured.message });
    expect(structured.message).toContain(says);
    expect(structured.next_step).toContain(next);
    const text = textOf(result);
    expect(text.startsWith(says)).toBe(true);
    for (const fact of leavesOf(structured)) expect(text).toContain(fact);
    await client.close();
  });

  test("links to the result with its type and size", async () => {
    const folder = await mkdtemp(join(tmpdir(), "mcp-"));
    const path = join(folder, "größer & besser.PNG");
    await writeFile(path, "12345");
    const client = await sdkClient(new StandInEngine({ get_task_status: () => ({ ...completed, output_path: path }) }));
    const { content } = await client.callTool({ name: "get_task_status", arguments: { task_id: "k3x9a2pq" } });
    expect(content).toContainEqual({
      type: "resource_link",
      uri: pathToFileURL(path).href,
      name: "größer & besser.PNG",
      mimeType: "image/png",
      size: 5,
    });
    await client.close();
    await rm(folder, { recursive: true });
  });

  test.each([
    ["the file is gone", completed, 1],
    ["the task is not completed", aTask({ output_path: "/a/b.png" }), 0],
  ])("when %s it has as many links: %3$d", async (_, task, links) => {
    const client = await sdkClient(new StandInEngine({ get_task_status: () => task }));
    const { content } = await client.callTool({ name: "get_task_status", arguments: { task_id: "k3x9a2pq" } });
    const found = (content as { type: string }[]).filter(({ type }) => type === "resource_link");
    expect(found).toHaveLength(links);
    for (const link of found) expect(link).not.toHaveProperty("size");
    await client.close();
  });

  test("shows no control characters of a file name", async () => {
    const error = 'No file "a\u001b[2Jb\u202egnp".';
    const client = await sdkClient(
      new StandInEngine({
        get_task_status: () => {
          throw new EngineError("not_found", { what: error });
        },
      }),
    );
    const result = await client.callTool({ name: "get_task_status", arguments: { task_id: "k3x9a2pq" } });
    expect(textOf(result)).toBe('No file "a\uFFFD[2Jb\uFFFDgnp".');
    await client.close();
  });
});

describe("a failure is a tool error that says what to do", () => {
  test.each([
    [
      "submit_image_task",
      { file_path: "/a.png", resolution: 0 },
      "resolution 0 is not possible: whole number 16–16384",
    ],
    ["submit_image_task", { file_path: "/a.png", resolution: "1080p" }, "Give the number 1080."],
    ["submit_video_task", { file_path: "/a.mp4", batch_size: 4 }, "batch_size 4 is not possible"],
    ["submit_video_task", {}, "Parameter file_path is missing"],
    ["submit_video_task", { file_path: "/a.mp4", resolutoin: 720 }, "Did you mean resolution?"],
    ["get_task_status", { task_id: "../../etc" }, 'task_id "../../etc" is not possible'],
    ["wait_for_task", { task_id: "k3x9a2pq", timeout: -1 }, "timeout -1 is not possible"],
    ["submit_vidoe_task", {}, "Did you mean submit_video_task?"],
    ["get_health", {}, "There is no tool"],
  ])("%s %j", async (name, args, says) => {
    const client = await sdkClient(new StandInEngine({}), { engine: neverOpened });
    const result = await client.callTool({ name, arguments: args });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain(says);
    await client.close();
  });

  test("null stands for the default", async () => {
    const engine = new StandInEngine({ get_queue_history: () => ({ history: [] }) });
    const client = await sdkClient(engine);
    await client.callTool({ name: "get_queue_history", arguments: { limit: null } });
    expect(engine.calls[0]?.input).toMatchObject({ limit: 20 });
    await client.close();
  });

  test("an engine error has the text REST gives, an unexpected one goes to the log too", async () => {
    const logged: string[] = [];
    const refusal = new EngineError("not_found", { what: "No task k3x9a2pq.", todo: "Recent: b7c8d9e0." });
    const fail = (error: Error) => () => {
      throw error;
    };
    const engine = new StandInEngine({
      get_task_status: fail(refusal),
      get_task_position: fail(new TypeError("x is not a function")),
    });
    const client = await sdkClient(engine, { onError: (error) => logged.push(error.message) });
    const call = (name: OperationName) => client.callTool({ name, arguments: { task_id: "k3x9a2pq" } });
    const refused = await call("get_task_status");
    expect(refused).toEqual({
      content: [{ type: "text", text: "No task k3x9a2pq. Recent: b7c8d9e0." }],
      isError: true,
    });
    expect(logged).toEqual([]);
    const broken = textOf(await call("get_task_position"));
    expect(broken).toContain("Something went wrong inside the engine");
    expect(broken).not.toContain(".ts:");
    expect(logged).toHaveLength(1);
    await client.close();
  });

  test("the caller's settings go with each call", async () => {
    const caller = { outputFolder: "/out", allowedFolders: ["/out"], defaultModel: null, engineSettings: {} };
    const engine = new StandInEngine({ get_queue_history: () => ({ history: [] }) });
    const client = await sdkClient(engine, { caller });
    await client.callTool({ name: "get_queue_history", arguments: {} });
    expect(engine.calls[0]?.options?.caller).toBe(caller);
    await client.close();
  });
});

/** Every object within, e.g. all parts of a schema. */
function partsOf(value: unknown): Record<string, unknown>[] {
  if (typeof value !== "object" || value === null) return [];
  const nested = Object.entries(value).flatMap(([key, part]) => (key === "properties" ? Object.values(part) : [part]));
  const here = Array.isArray(value) ? [] : [value as Record<string, unknown>];
  return [...here, ...nested.flatMap(partsOf)];
}

/** Every value within as it stands in JSON, strings without their quotes. */
function leavesOf(value: unknown): string[] {
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(leavesOf);
  return [typeof value === "string" ? value : JSON.stringify(value)];
}
