import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import type { Caller, Engine } from "../engine/index.ts";

/** What the engine's HTTP face needs to know. */
export interface HttpOptions {
  readonly engine: Engine;
  /** The serving process's own settings; they hold for everything that comes through the public REST routes. */
  readonly caller: Caller;
  /** This program's version, shown in the OpenAPI document. */
  readonly version: string;
  /** Uploads are kept here, each in a folder of its own. */
  readonly uploadDir: string;
  /** Largest upload in bytes. */
  readonly maxUploadBytes: number;
  /** What clients must send as Bearer token; null asks for none and is possible on loopback only. */
  readonly apiToken: string | null;
  /** What our own processes must send to use /internal. */
  readonly internalSecret: string;
  /** The address listened on; on loopback foreign Host headers are refused. */
  readonly host: string;
  /** Answers /mcp; without it there is no such path. */
  readonly mcp?: ((request: Request) => Promise<Response>) | undefined;
  /** Told of each request that passed the checks, except /health. */
  readonly onCall?: (() => void) | undefined;
  /** Told of each failure that is our own mistake, for the log. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/** Node's own request and response are at hand in every handler. */
export interface HttpEnv {
  Bindings: HttpBindings;
}

export type HttpApp = Hono<HttpEnv>;
export type HttpContext = Context<HttpEnv>;
