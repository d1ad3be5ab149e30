import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EngineError } from "../../engine/index.ts";
import type { TaskResult } from "../../engine/index.ts";
import { aTask, StandInEngine } from "../stand-in-engine.ts";
import { ask, errorOf, serve, temporaryFolder } from "./serving.ts";

const bytes = randomBytes(200_000);

/** A completed task's result under a name, served. */
async function result(name = "clip_3b_fp8_1080p.mp4", content: Uint8Array = bytes) {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  const task = aTask({ status: "completed", output_path: path, output_filename: name });
  const served = await serve(new StandInEngine({ get_task_status: () => task }));
  return { served, path, url: `${served.url}/api/download/k3x9a2pq` };
}

async function read(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

test("a result arrives whole, with type, length and name", async () => {
  const { url } = await result();
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect((await read(response)).equals(bytes)).toBe(true);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "video/mp4",
    "content-length": "200000",
    "accept-ranges": "bytes",
    "content-disposition": `attachment; filename="clip_3b_fp8_1080p.mp4"; filename*=UTF-8''clip_3b_fp8_1080p.mp4`,
    "x-content-type-options": "nosniff",
  });
});

test("HEAD has the same headers and no body", async () => {
  const { url, served } = await result();
  const whole = await fetch(url);
  await whole.arrayBuffer();
  const head = await ask(served, "/api/download/k3x9a2pq", { method: "HEAD" });
  expect([head.status, head.body]).toEqual([200, ""]);
  for (const name of ["content-type", "content-length", "content-disposition", "etag", "accept-ranges"]) {
    expect(head.headers[name]).toBe(whole.headers.get(name));
  }
});

test.each([
  ["bytes=0-9", 0, 9],
  ["bytes=199990-", 199_990, 199_999],
  ["bytes=-5", 199_995, 199_999],
  ["bytes=100-999999999", 100, 199_999],
  ["bytes=-999999999", 0, 199_999],
])("range %s gives bytes %i to %i", async (range, start, end) => {
  const { url } = await result();
  const response = await fetch(url, { headers: { Range: range } });
  expect([response.status, response.headers.get("content-range")]).toEqual([206, `bytes ${start}-${end}/200000`]);
  expect(response.headers.get("content-length")).toBe(String(end - start + 1));
  expect((await read(response)).equals(bytes.subarray(start, end + 1))).toBe(true);
});

test.each(["bytes=0-1,5-6", "items=0-5", "bytes=9-3", "bytes=-", "bytes=x-y"])("range %s is ignored", async (range) => {
  const { url } = await result();
  const response = await fetch(url, { headers: { Range: range } });
  expect([response.status, (await read(response)).length]).toEqual([200, bytes.length]);
});

test.each(["bytes=200000-", "bytes=999999999-999999999", "bytes=-0"])("range %s cannot be satisfied", async (range) => {
  const { url } = await result();
  const response = await fetch(url, { headers: { Range: range } });
  expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */200000"]);
  expect(await errorOf(response)).toContain("200000 bytes");
});

test("a range is only of the file it was meant for", async () => {
  const { url, path } = await result();
  const head = await fetch(url, { method: "HEAD" });
  const headers = { Range: "bytes=0-9", "If-Range": head.headers.get("etag")! };
  const same = await fetch(url, { headers });
  await writeFile(path, randomBytes(300));
  const other = await fetch(url, { headers });
  expect([same.status, (await read(same)).length]).toEqual([206, 10]);
  expect([other.status, (await read(other)).length]).toEqual([200, 300]);
});

test("an empty result is answered as one", async () => {
  const { url } = await result("a.png", new Uint8Array());
  const response = await fetch(url);
  expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([200, "0", ""]);
});

test.each([
  ["a.png", "image/png"],
  ["a.JPG", "image/jpeg"],
  ["a.webp", "image/webp"],
  ["a.avif", "image/avif"],
  ["a.tiff", "image/tiff"],
  ["a.gif", "image/gif"],
  ["a.mov", "video/quicktime"],
  ["a.mkv", "video/x-matroska"],
  ["a.webm", "video/webm"],
  ["a.nut", "application/octet-stream"],
])("%s has type %s", async (name, type) => {
  const { url } = await result(name);
  expect((await fetch(url, { method: "HEAD" })).headers.get("content-type")).toBe(type);
});

test.each([
  ["写真.png", `attachment; filename="__.png"; filename*=UTF-8''%E5%86%99%E7%9C%9F.png`],
  [
    `it's "50%" (1)*.png`,
    `attachment; filename="it's _50__ (1)*.png"; filename*=UTF-8''it%27s%20%2250%25%22%20%281%29%2A.png`,
  ],
  [
    "a\r\nSet-Cookie: x.png",
    `attachment; filename="a__Set-Cookie: x.png"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x.png`,
  ],
])("the name %j is carried safely", async (name, disposition) => {
  const { url } = await result(name);
  const { headers } = await fetch(url, { method: "HEAD" });
  expect([headers.get("content-disposition"), headers.get("set-cookie")]).toEqual([disposition, null]);
});

test.each<[Partial<TaskResult>]>([
  [{ status: "queued" }],
  [{ status: "processing" }],
  [{ status: "failed", error: "x" }],
  [{ status: "cancelled" }],
])("%j has no result", async (changes) => {
  const served = await serve(new StandInEngine({ get_task_status: () => aTask(changes) }));
  const response = await fetch(`${served.url}/api/download/k3x9a2pq`);
  expect([response.status, await errorOf(response)]).toEqual([409, expect.stringContaining(changes.status!)]);
});

test("an unknown task has none either", async () => {
  const unknown = () => Promise.reject(new EngineError("not_found", { what: "There is no task k3x9a2pq." }));
  const served = await serve(new StandInEngine({ get_task_status: unknown }));
  expect((await fetch(`${served.url}/api/download/k3x9a2pq`)).status).toBe(404);
});

test("a result that is gone is said to be gone, and a folder to be none to download", async () => {
  const { url, path } = await result();
  await rm(path);
  const gone = await fetch(url);
  expect([gone.status, await errorOf(gone)]).toEqual([404, expect.stringContaining("no longer there")]);
  const folder = aTask({ status: "completed", output_path: await temporaryFolder() });
  const served = await serve(new StandInEngine({ get_task_status: () => folder }));
  const refused = await fetch(`${served.url}/api/download/k3x9a2pq`);
  expect([refused.status, await errorOf(refused)]).toEqual([409, expect.stringMatching(/folder.*output_path/)]);
});

test("a client that goes in the middle does not disturb the next", async () => {
  const { url } = await result("big.mp4", Buffer.alloc(20_000_000));
  const client = new AbortController();
  const response = await fetch(url, { signal: client.signal });
  await response.body!.getReader().read();
  client.abort();
  expect((await read(await fetch(url))).length).toBe(20_000_000);
});
