import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { basename, dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { EngineError } from "../../engine/index.ts";
import type { CallOptions } from "../../engine/index.ts";
import { StandInEngine } from "../stand-in-engine.ts";
import { ask, caller, errorOf, serve } from "./serving.ts";
import type { Served } from "./serving.ts";

const queued = { status: "queued", task_id: "k3x9a2pq", queue_position: 1, estimated_wait_seconds: 12 };

interface Submitted {
  file_path: string;
  [name: string]: unknown;
}

/** An engine that takes every task, and keeps what the uploaded file held at that moment. */
function accepting(answer: object = queued) {
  const received: { digest: string; path: string }[] = [];
  const engine = new StandInEngine({
    submit_task: async (input: Submitted) => {
      received.push({ digest: digest(await readFile(input.file_path)), path: input.file_path });
      return answer;
    },
  });
  return {
    engine,
    received,
    input: () => engine.calls[0]?.input as Submitted,
    options: () => engine.calls[0]?.options,
  };
}

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const picture = randomBytes(3000);

/** A form with its parts in the order given; a part is a field, or a file with its name. */
function form(...parts: [string, string | Uint8Array, string?][]): FormData {
  const data = new FormData();
  for (const [name, value, filename] of parts) {
    if (typeof value === "string") data.append(name, value);
    else data.append(name, new Blob([new Uint8Array(value)]), filename ?? "a.png");
  }
  return data;
}

function post(served: Served, body: FormData, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${served.url}/api/process`, { method: "POST", body, headers });
}

/** A form written by hand, for what FormData would not write. */
function raw(served: Served, ...parts: string[]) {
  const lines = parts.map((part) => `--edge\r\n${part}\r\n`);
  const headers = { "Content-Type": "multipart/form-data; boundary=edge" };
  return ask(served, "/api/process", { method: "POST", headers, body: `${lines.join("")}--edge--\r\n` });
}

test.each([
  ["before", form(["resolution", "720"], ["seed", "7"], ["file", picture])],
  ["after", form(["file", picture], ["resolution", "720"], ["seed", "7"])],
])("fields %s the file arrive with it", async (_where, body) => {
  const { engine, received, input, options } = accepting();
  const served = await serve(engine);
  const response = await post(served, body);
  expect([response.status, await response.json()]).toEqual([200, queued]);
  expect(input()).toMatchObject({ resolution: 720, seed: 7 });
  expect(options()).toEqual({ caller, upload: { name: "a.png" } });
  expect(received[0]?.digest).toBe(digest(picture));
});

test("the file alone is enough; the rest has the contract's defaults", async () => {
  const { engine, input } = accepting();
  const served = await serve(engine);
  await post(served, form(["file", picture]));
  expect(input()).toMatchObject({
    batch_size: 5,
    color_correction: "lab",
    seed: 42,
    vae_tiling: "auto",
    vae_quality: "high",
  });
  expect(input()).not.toHaveProperty("resolution");
});

test("texts become what the schema wants", async () => {
  const { engine, input } = accepting();
  const served = await serve(engine);
  const texts: [string, string][] = [
    ["scale", "2.5"],
    ["batch_size", " 9 "],
    ["dit_model", "42"],
    ["strict", "true"],
    ["dither", "False"],
    ["output_format", "mkv"],
  ];
  await post(served, form(...texts, ["file", picture]));
  expect(input()).toMatchObject({
    scale: 2.5,
    batch_size: 9,
    dit_model: "42",
    strict: true,
    dither: false,
    output_format: "mkv",
  });
});

test("a file of 30 MB arrives as it was sent, in a folder of its own", async () => {
  const { engine, received } = accepting();
  const served = await serve(engine);
  const clip = randomBytes(30 * 2 ** 20);
  expect((await post(served, form(["file", clip, "clip.mp4"]))).status).toBe(200);
  expect((await post(served, form(["file", clip, "clip.mp4"]))).status).toBe(200);
  expect(received.map((file) => file.digest)).toEqual([digest(clip), digest(clip)]);
  const [first, second] = received.map((file) => file.path);
  expect([basename(first!), dirname(dirname(first!))]).toEqual(["clip.mp4", served.uploadDir]);
  expect(dirname(first!)).not.toBe(dirname(second!));
});

test.each([
  ["../../etc/passwd", "passwd"],
  ["/etc/passwd", "passwd"],
  ["C:\\Users\\me\\clip.mp4", "clip.mp4"],
  ["..", "upload"],
  [".hidden.png", "hidden.png"],
  ["grüße 写真.png", "grüße 写真.png"],
  ["it's (1).png", "it's (1).png"],
])("a file named %j lands as %j inside its folder", async (claimed, name) => {
  const { engine, received, options } = accepting();
  const served = await serve(engine);
  expect((await raw(served, filePart(claimed))).status).toBe(200);
  expect(options()?.upload).toEqual({ name });
  expect(await served.uploads()).toContain(join(basename(dirname(received[0]!.path)), name));
});

const filePart = (name: string, content = "content") =>
  `Content-Disposition: form-data; name="file"; filename="${name.replaceAll("\\", "\\\\")}"\r\n\r\n${content}`;
const field = (name: string, value: string) => `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`;

test("a name in RFC 5987 form, as Python sends it, is understood", async () => {
  const { engine, options } = accepting();
  const served = await serve(engine);
  await raw(served, `Content-Disposition: form-data; name="file"; filename*=utf-8''%E5%86%99%E7%9C%9F.png\r\n\r\nx`);
  expect(options()?.upload).toEqual({ name: "写真.png" });
});

test.each([
  ["no file", form(["resolution", "720"]), "Parameter file is missing"],
  ["the file as a field", form(["file", "/etc/passwd"]), "with curl as -F file=@"],
  ["an empty file", form(["file", new Uint8Array()]), 'The file "a.png" is empty.'],
  ["two files", form(["file", picture], ["file", picture]), '"file" was given more than once'],
  ["another file", form(["file", picture], ["mask", picture]), 'There is no parameter "mask" that is a file.'],
  ["an unknown field", form(["file", picture], ["resolutoin", "720"]), "Did you mean resolution?"],
  ["a field twice", form(["seed", "1"], ["seed", "2"], ["file", picture]), '"seed" was given more than once'],
  ["a path to read", form(["file", picture], ["file_path", "/etc/passwd"]), 'There is no parameter "file_path".'],
  ["a path to write", form(["output_path", "/tmp/x.png"], ["file", picture]), 'There is no parameter "output_path".'],
  ["__proto__", form(["__proto__", "1"], ["file", picture]), '"__proto__"'],
  ["a value out of range", form(["file", picture], ["resolution", "0"]), "resolution 0 is not possible"],
  ["1e9", form(["file", picture], ["resolution", "1e9"]), "resolution 1000000000 is not possible"],
  ["1080p", form(["file", picture], ["resolution", "1080p"]), "Give the number 1080."],
  ["an empty value", form(["file", picture], ["resolution", ""]), 'resolution "" is not possible'],
  ["no 4n+1", form(["file", picture], ["batch_size", "4"]), "batch_size 4 is not possible"],
  ["no boolean", form(["file", picture], ["strict", "yes"]), 'strict "yes" is not possible: true or false.'],
  ["a value too long", form(["dit_model", "m".repeat(20_000)], ["file", picture]), '"dit_model" is too long'],
  [
    "too many fields",
    form(...Array.from({ length: 70 }, (_, i): [string, string] => [`f${i}`, ""])),
    "too many fields",
  ],
])("a form with %s is refused and leaves nothing", async (_what, body, text) => {
  const { engine } = accepting();
  const served = await serve(engine);
  const response = await post(served, body);
  expect(await errorOf(response)).toContain(text);
  expect(response.status).toBe(400);
  expect([engine.calls, await served.uploads()]).toEqual([[], []]);
});

test.each([
  ["JSON", { "Content-Type": "application/json" }, "{}"],
  ["no type", {}, "x"],
  ["no boundary", { "Content-Type": "multipart/form-data" }, "x"],
  [
    "a form cut off in the file",
    { "Content-Type": "multipart/form-data; boundary=edge" },
    `--edge\r\n${filePart("a.png")}`,
  ],
  ["an empty form", { "Content-Type": "multipart/form-data; boundary=edge" }, ""],
  [
    "another boundary",
    { "Content-Type": "multipart/form-data; boundary=other" },
    `--edge\r\n${filePart("a.png")}\r\n--edge--\r\n`,
  ],
])("%s instead of a form is refused and leaves nothing", async (_what, headers, body) => {
  const { engine } = accepting();
  const served = await serve(engine);
  const answer = await ask(served, "/api/process", { method: "POST", headers, body });
  expect([answer.status, JSON.parse(answer.body).code]).toEqual([400, "invalid_parameter"]);
  expect([engine.calls, await served.uploads()]).toEqual([[], []]);
});

const megabyte = 2 ** 20;

test.each([
  ["that says its length", 10 * megabyte, false],
  ["that says its length, little over", megabyte + 1, false],
  ["in chunks", 10 * megabyte, true],
])("an upload over the limit %s is refused and leaves nothing", async (_how, size, chunked) => {
  const { engine } = accepting();
  const served = await serve(engine, { maxUploadBytes: megabyte });
  const body = await new Response(form(["file", randomBytes(size)])).blob();
  const headers = { "Content-Type": body.type };
  const sent = chunked
    ? { method: "POST", headers, body: body.stream(), duplex: "half" as const }
    : { method: "POST", headers, body };
  const response = await fetch(`${served.url}/api/process`, sent);
  expect([response.status, await errorOf(response)]).toEqual([413, expect.stringContaining("larger than 1 MB")]);
  expect([engine.calls, await served.uploads()]).toEqual([[], []]);
});

test("an upload exactly at the limit is taken", async () => {
  const { engine } = accepting();
  const served = await serve(engine, { maxUploadBytes: megabyte });
  expect((await post(served, form(["file", randomBytes(megabyte)]))).status).toBe(200);
});

test("the file is on disk while it arrives, and a client that goes leaves nothing", async () => {
  const { engine } = accepting();
  const served = await serve(engine);
  const sent = request({
    port: served.port,
    method: "POST",
    path: "/api/process",
    headers: { "Content-Type": "multipart/form-data; boundary=edge", "Content-Length": 10_000_000 },
  });
  sent.on("error", () => undefined);
  sent.write(`--edge\r\n${filePart("half.mp4", "x".repeat(200_000))}`);
  await vi.waitFor(async () => expect(await served.uploads()).toContainEqual(expect.stringContaining("half.mp4")));
  sent.destroy();
  await vi.waitFor(async () => expect(await served.uploads()).toEqual([]));
  await setImmediate();
  expect(engine.calls).toEqual([]);
});

test("a file the engine refuses is deleted", async () => {
  const refuse = () => Promise.reject(new EngineError("unreadable_media", { what: "The file is no picture." }));
  const served = await serve(new StandInEngine({ submit_task: refuse }));
  const response = await post(served, form(["file", picture]));
  expect([response.status, await errorOf(response)]).toEqual([400, "The file is no picture."]);
  expect(await served.uploads()).toEqual([]);
});

test("the copy of a repeated submission is deleted", async () => {
  const { engine } = accepting({ ...queued, duplicate: true });
  const served = await serve(engine);
  expect(await (await post(served, form(["file", picture]))).json()).toMatchObject({ duplicate: true });
  expect(await served.uploads()).toEqual([]);
});

test.each([
  ["header", form(["file", picture]), { "Idempotency-Key": "k1" }],
  ["field", form(["file", picture], ["idempotency_key", "k1"]), {}],
  ["both alike", form(["file", picture], ["idempotency_key", "k1"]), { "Idempotency-Key": "k1" }],
])("an idempotency key by %s reaches the engine", async (_how, body, headers) => {
  const { engine, input } = accepting();
  const served = await serve(engine);
  await post(served, body, headers);
  expect(input()).toMatchObject({ idempotency_key: "k1" });
});

test("two different idempotency keys are refused", async () => {
  const { engine } = accepting();
  const served = await serve(engine);
  const response = await post(served, form(["file", picture], ["idempotency_key", "a"]), { "Idempotency-Key": "b" });
  expect([response.status, await served.uploads()]).toEqual([400, []]);
});

test("a folder that cannot be written is answered as such", async () => {
  const { engine } = accepting();
  const served = await serve(engine);
  const file = join(served.uploadDir, "a-file");
  await writeFile(file, "");
  const blocked = await serve(engine, { uploadDir: file });
  const response = await post(blocked, form(["file", picture]));
  expect([response.status, (await errorOf(response)).length > 0]).toEqual([500, true]);
});

test("fields are read as curl writes them", async () => {
  const { engine, input } = accepting();
  const served = await serve(engine);
  await raw(served, filePart("test.png"), field("resolution", "480"), field("batch_size", "1"));
  expect(input()).toMatchObject({ resolution: 480, batch_size: 1 });
});

test("an engine is not asked to wait on the client: the call has no signal", async () => {
  const { engine, options } = accepting();
  const served = await serve(engine);
  await post(served, form(["file", picture]));
  expect((options() as CallOptions).signal).toBeUndefined();
});
