import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { DownloadConfig } from "../../engine/config.ts";
import { Downloads } from "../../engine/models/download/downloads.ts";
import { fetchFile } from "../../engine/models/download/fetch-file.ts";
import { sourceOf } from "../../engine/models/download/source.ts";
import type { PublishedFile } from "../../engine/models/published-files.ts";
import { golden } from "../fixtures/golden-path.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { answers, dropsAfter, fileServer, hangs, serves, type Behaviour, type FileServer } from "./file-server.ts";

const space = vi.hoisted(() => ({ free: 1e12 }));
vi.mock("node:fs/promises", async (original) => ({
  ...(await original<object>()),
  statfs: async () => ({ bavail: space.free, bsize: 1 }),
}));

const bytes = await readFile(golden("chain/chain_tiny_3b.dit.weights.safetensors"));
const sha256 = createHash("sha256").update(bytes).digest("hex");
const model: PublishedFile = {
  ...{ name: "tiny.safetensors", repository: "somebody/tiny", path: "sub/tiny.safetensors", sha256 },
  ...{ holds: "transformer", withPrompt: false },
};

let folder: string;
beforeEach(async () => {
  space.free = 1e12;
  folder = await temporaryFolder();
});

function configFor({ url }: Pick<FileServer, "url">, more: Partial<DownloadConfig> = {}): DownloadConfig {
  return {
    ...{ modelUrl: url, endpoint: "http://127.0.0.1:1", token: null, idleSeconds: 0.3, pauseSeconds: 0.001 },
    proxies: { http: null, https: null, except: null },
    ...more,
  };
}

function fetching(server: Pick<FileServer, "url">, file = model, more: Partial<DownloadConfig> = {}) {
  const config = configFor(server, more);
  const { signal } = new AbortController();
  return fetchFile(file, { ...config, source: sourceOf(config), folder, signal, onProgress: () => undefined });
}

describe("a file that is fetched", () => {
  const half = Math.floor(bytes.length / 2);
  const other = Buffer.from(bytes).reverse();
  const cases: Record<string, readonly Behaviour[]> = {
    "from a server that behaves": [serves(bytes)],
    "over connections that drop again and again": [
      ...Array.from({ length: 5 }, () => dropsAfter(1000, bytes)),
      serves(bytes),
    ],
    "from a server that announces more than it sends": [dropsAfter(half, bytes), serves(bytes)],
    "from a server that announces less than it sends": [liesShort, serves(bytes)],
    "from a server that is busy first": [answers(429, { "retry-after": "0" }), answers(500), answers(503), serves(bytes)],
    "from a server that hangs first": [hangs(), hangs(bytes, 100), serves(bytes)],
    "from a server that cannot go on": [dropsAfter(half, bytes), answers(416), serves(bytes)],
    "from a server that answers another range": [dropsAfter(half, bytes), wrongRange, serves(bytes)],
    "when the file changed on the server meanwhile": [dropsAfter(half, other, '"old"'), serves(bytes, '"new"')],
    "without a length": [(_request, response) => void response.end(bytes)],
    "behind a redirection": [answers(302, { location: "/elsewhere" }), serves(bytes)],
  };
  it.each(Object.entries(cases))("arrives whole %s", async (_how, behaviours) => {
    const path = await fetching(await fileServer(...behaviours));
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect(await readdir(folder)).toEqual([model.name]);
  });

  /** What of the bytes before a cut had arrived differs. */
  const somewhere = expect.stringMatching(/^bytes=[1-9]\d*-$/) as string;

  it("goes on where the last attempt ended, if the server has the same file", async () => {
    const server = await fileServer(dropsAfter(half, bytes), serves(bytes));
    await fetching(server);
    expect(server.requests[1]).toMatchObject({ range: somewhere, "if-range": '"one"' });
  });

  it("goes on with what an earlier process has fetched", async () => {
    const broken = await fileServer(dropsAfter(half, bytes), answers(404), serves(bytes));
    await expect(fetching(broken)).rejects.toMatchObject({ code: "download_failed" });
    await fetching(broken);
    expect(broken.requests[2]).toMatchObject({ range: somewhere });
  });

  it.each([401, 403, 404, 410])("is given up at once where the server answers %d, with what to do", async (status) => {
    const server = await fileServer(answers(status));
    const byHand = `etch ${server.url}/${model.name} by hand and put it at ${join(folder, model.name)}.`;
    await expect(fetching(server)).rejects.toMatchObject({
      ...{ code: "download_failed", facts: { status }, todo: expect.stringContaining(byHand) as string },
    });
    expect(server.requests).toHaveLength(1);
  });

  it("is given up with address and place when nothing comes", async () => {
    const server = await fileServer(answers(500));
    await expect(fetching(server)).rejects.toThrow(`put it at ${join(folder, model.name)}`);
    await expect(fetching({ url: "http://127.0.0.1:1" })).rejects.toThrow("http://127.0.0.1:1/tiny.safetensors");
  });

  it("gets no name when its bytes are others than published, and nothing of it stays", async () => {
    await expect(fetching(await fileServer(serves(other)))).rejects.toThrow(sha256);
    expect(await readdir(folder)).not.toContain(model.name);
    expect((await readdir(folder)).filter((name) => name.includes(".part"))).toEqual([]);
  });

  it("is looked into where no hash is published", async () => {
    const text = { ...model, sha256: null };
    await expect(fetching(await fileServer(serves(Buffer.from("<html>not found</html>"))), text)).rejects.toMatchObject({
      code: "download_failed",
    });
    const autoencoder = { ...text, holds: "autoencoder" as const };
    await expect(fetching(await fileServer(serves(bytes)), autoencoder)).rejects.toThrow("holds no autoencoder");
    await fetching(await fileServer(serves(bytes)), text);
    expect(await readdir(folder)).toContain(text.name);
  });

  it("is never put in the place of one that is there", async () => {
    await writeFile(join(folder, model.name), "mine");
    await fetching(await fileServer(serves(bytes)));
    expect(await readFile(join(folder, model.name), "utf8")).toBe("mine");
  });

  it.each([".part", ".part.json"])("is not fetched over somebody's own NAME%s", async (ending) => {
    const own = join(folder, `${model.name}${ending}`);
    await writeFile(own, "mine");
    await expect(fetching(await fileServer(serves(bytes)))).rejects.toMatchObject({
      ...{ code: "wrong_state", facts: { path: own } },
    });
    expect(await readFile(own, "utf8")).toBe("mine");
    expect(await readdir(folder)).toEqual([`${model.name}${ending}`]);
  });

  it("is refused before a byte is written when the disk is too small", async () => {
    space.free = bytes.length;
    await expect(fetching(await fileServer(serves(bytes)))).rejects.toMatchObject({ code: "disk_full" });
  });

  it("is asked for with the token on Hugging Face's address only", async () => {
    const hub = await fileServer(serves(bytes));
    await fetching(hub, model, { modelUrl: null, endpoint: `${hub.url}/`, token: "hf_secret" });
    expect(hub.requests[0]).toMatchObject({ authorization: "Bearer hf_secret" });
    const elsewhere = await fileServer(serves(bytes));
    await fetching(elsewhere, { ...model, name: "second.safetensors" }, { token: "hf_secret" });
    expect(elsewhere.requests[0]).not.toHaveProperty("authorization");
  });

  it("does not take the token along to where it is redirected", async () => {
    const store = await fileServer(serves(bytes));
    const hub = await fileServer(answers(302, { location: `${store.url}/x` }));
    await fetching(hub, model, { modelUrl: null, endpoint: hub.url, token: "hf_secret" });
    expect(store.requests[0]).not.toHaveProperty("authorization");
  });

  it("comes through a proxy", async () => {
    const proxy = await fileServer(serves(bytes));
    const proxies = { http: proxy.url, https: null, except: null };
    await fetching({ url: "http://models.invalid" }, model, { proxies });
    expect(proxy.requests[0]).toMatchObject({ host: "models.invalid" });
  });

  function liesShort(_request: unknown, response: Parameters<Behaviour>[1]): void {
    response.socket?.write(
      `HTTP/1.1 206 Partial Content\r\netag: "one"\r\ncontent-range: bytes 0-99/100\r\n\r\n${"x".repeat(5000)}`,
    );
    response.socket?.end();
  }

  function wrongRange(_request: unknown, response: Parameters<Behaviour>[1]): void {
    response.writeHead(206, { "content-range": `bytes 0-9/${bytes.length}`, etag: '"one"' });
    response.end("0123456789");
  }
});

describe("downloads of an engine", () => {
  it("fetch once what several ask for, and tell all of them how far it is", async () => {
    const server = await fileServer(serves(bytes));
    const downloads = new Downloads(configFor(server), folder);
    const told: string[][] = [[], []];
    const join = (to: string[]) =>
      downloads.join("tiny", [model], { onProgress: ({ file }) => void to.push(file) });
    await Promise.all([join(told[0]!), join(told[1]!)]);
    expect(server.requests).toHaveLength(1);
    expect(told.map((files) => files.at(-1))).toEqual([model.name, model.name]);
    expect(downloads.active).toBe(false);
  });

  it("wait for another engine that fetches the same file", async () => {
    const server = await fileServer(serves(bytes));
    const two = [new Downloads(configFor(server), folder), new Downloads(configFor(server), folder)];
    await Promise.all(two.map((downloads) => downloads.join("tiny", [model])));
    expect(server.requests).toHaveLength(1);
  });

  it("go on while one of two still waits, and end when both have left", async () => {
    const server = await fileServer(hangs(bytes, 100));
    const downloads = new Downloads(configFor(server, { idleSeconds: 60 }), folder);
    const [first, second] = [new AbortController(), new AbortController()];
    const joined = [first, second].map(({ signal }) => downloads.join("tiny", [model], { signal }));
    const ended = joined.map((one) => expect(one).rejects.toMatchObject({ code: "cancelled" }));
    first.abort();
    await ended[0];
    expect(downloads.active).toBe(true);
    second.abort();
    await ended[1];
    await downloads.close();
    expect(downloads.active).toBe(false);
  });

  it("keep what has come when they are cancelled", async () => {
    const server = await fileServer(hangs(bytes, 100), serves(bytes));
    const downloads = new Downloads(configFor(server, { idleSeconds: 60 }), folder);
    const started = new Promise<void>((resolve) => {
      const all = downloads.join("tiny", [model], { onProgress: () => resolve() });
      all.catch(() => undefined);
    });
    await started;
    expect(downloads.cancel("tiny")).toBe(true);
    await downloads.close();
    await downloads.join("tiny", [model]);
    expect(server.requests[1]).toMatchObject({ range: "bytes=100-" });
  });

  it("remember why they failed until they are tried again", async () => {
    const server = await fileServer(answers(404), serves(bytes));
    const downloads = new Downloads(configFor(server), folder);
    await expect(downloads.join("tiny", [model])).rejects.toThrow("404");
    expect(downloads.failureOf("tiny")).toMatchObject({ code: "download_failed" });
    await downloads.join("tiny", [model]);
    expect(downloads.failureOf("tiny")).toBeNull();
  });
});
