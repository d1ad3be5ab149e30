import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import { afterEach, expect, test } from "vitest";
import { EngineError } from "../../engine/index.ts";
import { listen } from "../../http/index.ts";
import type { HttpApp, Listening } from "../../http/index.ts";
import { StandInEngine } from "../stand-in-engine.ts";
import { deferred, serve } from "./serving.ts";

const host = "127.0.0.1";
const open: Listening[] = [];
afterEach(async () => {
  for (const listening of open.splice(0)) await listening.close();
});

async function listening(app: HttpApp, port = 0): Promise<Listening> {
  const made = await listen(app, { host, port });
  open.push(made);
  return made;
}

test("port 0 takes a free port and says which", async () => {
  const [first, second] = [await listening(new Hono()), await listening(new Hono())];
  expect(first.port).toBeGreaterThan(0);
  expect(second.port).not.toBe(first.port);
});

test("a port that an engine holds is refused, naming the engine", async () => {
  const health = { status: "healthy", version: "9.8.7", queue_enabled: true };
  const { port } = await serve(new StandInEngine({ get_health: () => health }));
  const refusal = await listening(new Hono(), port).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(EngineError);
  expect(refusal).toMatchObject({ code: "engine_unreachable", facts: { host, port } });
  expect((refusal as EngineError).message).toMatch(/^Port \d+ on 127.0.0.1 is taken\. An engine of version 9\.8\.7 /);
});

test("a port that another program holds is refused", async () => {
  const other = createServer((_request, response) => void response.end("hello"));
  await new Promise<void>((resolve) => other.listen(0, host, resolve));
  const { port } = other.address() as AddressInfo;
  await expect(listening(new Hono(), port)).rejects.toThrow("Another program listens there.");
  await new Promise((resolve) => other.close(resolve));
});

test("an address that is not this machine's is refused", async () => {
  await expect(listen(new Hono(), { host: "192.0.2.1", port: 0 })).rejects.toMatchObject({
    code: "engine_unreachable",
  });
});

test("closing lets a short answer finish and frees the port", async () => {
  const [asked, answer] = [deferred<void>(), deferred<string>()];
  const app: HttpApp = new Hono();
  app.get("/", async (c) => {
    asked.resolve();
    return c.text(await answer.promise);
  });
  const { port, close } = await listening(app);
  const response = fetch(`http://${host}:${port}/`);
  await asked.promise;
  const closed = close();
  answer.resolve("done");
  expect(await (await response).text()).toBe("done");
  await closed;
  expect((await listening(new Hono(), port)).port).toBe(port);
});

test("closing ends answers that do not finish by themselves", async () => {
  const app: HttpApp = new Hono();
  app.get("/", (c) => c.body(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array([1])) })));
  const { port, close } = await listening(app);
  const response = await fetch(`http://${host}:${port}/`);
  await close();
  await expect(response.arrayBuffer()).rejects.toThrow();
});
