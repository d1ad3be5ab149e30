import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach } from "vitest";
import type { Caller } from "../../engine/index.ts";
import { createHttpApp, listen } from "../../http/index.ts";
import type { HttpOptions } from "../../http/index.ts";
import type { StandInEngine } from "../stand-in-engine.ts";

export const caller: Caller = {
  outputFolder: "/home/someone/out",
  allowedFolders: ["/home/someone"],
  defaultModel: null,
  engineSettings: {},
};
export const secret = "the-internal-secret";

export interface Served {
  readonly url: string;
  readonly port: number;
  readonly uploadDir: string;
  /** Names of what lies in the upload folder. */
  uploads(): Promise<string[]>;
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "http-test-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Serves the engine on a free port of this machine until the test has ended. */
export async function serve(engine: StandInEngine, changes: Partial<HttpOptions> = {}): Promise<Served> {
  const uploadDir = await temporaryFolder();
  const app = createHttpApp({
    engine,
    caller,
    version: "1.2.3",
    uploadDir,
    maxUploadBytes: 40 * 2 ** 20,
    apiToken: null,
    internalSecret: secret,
    host: "127.0.0.1",
    ...changes,
  });
  const { port, close } = await listen(app, { host: "127.0.0.1", port: 0 });
  cleanups.push(close);
  return { url: `http://127.0.0.1:${port}`, port, uploadDir, uploads: () => readdir(uploadDir, { recursive: true }) };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A request with headers that fetch would not let through (Host, Origin), or another method. */
export function ask(
  served: Served,
  path: string,
  options: { method?: string; headers?: OutgoingHttpHeaders; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = "GET", headers = {}, body } = options;
    const sent = request({ host: "127.0.0.1", port: served.port, path, method, headers, agent: false }, (response) => {
      text(response).then(
        (read) => resolve({ status: response.statusCode!, headers: response.headers, body: read }),
        reject,
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** The error text of an answer, after checking its form. */
export async function errorOf(response: Response): Promise<string> {
  const body = (await response.json()) as { error: string };
  if (typeof body.error !== "string") throw new TypeError(`no error text in ${JSON.stringify(body)}`);
  return body.error;
}

export function postJson(url: string, body: unknown): Promise<Response> {
  return fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** A promise to be settled from elsewhere. */
export function deferred<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}
