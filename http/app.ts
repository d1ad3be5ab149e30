import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { methodNotAllowed } from "hono/method-not-allowed";
import { asEngineError, EngineError } from "../engine/index.ts";
import { addDownloadRoute } from "./download-route.ts";
import { answerError } from "./errors.ts";
import { addEventsRoute } from "./events-route.ts";
import { addInternalRoute } from "./internal-route.ts";
import { openApiDocument } from "./openapi.ts";
import { addOperationRoutes } from "./operation-routes.ts";
import type { HttpApp, HttpEnv, HttpOptions } from "./options.ts";
import { addPlanUploads, addProcessRoute } from "./process-route.ts";
import { isLoopback, safety } from "./safety.ts";
import { addStaticRoutes } from "./static-routes.ts";

/** Largest JSON body in bytes, on every path but the upload's. */
const maxJsonBytes = 4 * 2 ** 20;

/**
 * The engine as HTTP: REST by the contract, /openapi.json, /docs, the page, /mcp when given, and /internal for our own
 * processes. Throws `token_missing` when other machines could reach it and no token is set.
 */
export function createHttpApp(options: HttpOptions): HttpApp {
  if (options.apiToken === null && !isLoopback(options.host)) throw tokenNeeded(options.host);
  const app: HttpApp = new Hono<HttpEnv>();
  app.onError((error, c) => {
    if (asEngineError(error).code === "internal") options.onFailure?.(error);
    return answerError(c, error);
  });
  app.notFound((c) => answerError(c, noSuchPath(c.req.path)));
  app.use(safety(options));
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (c, methods) => wrongMethod(c.req.method, methods) }));
  addProcessRoute(app, options);
  addPlanUploads(app, options);
  app.use(bodyLimit({ maxSize: maxJsonBytes, onError: (c) => answerError(c, bodyTooLarge()) }));
  addOperationRoutes(app, options);
  addDownloadRoute(app, options);
  addEventsRoute(app, options);
  addInternalRoute(app, options);
  addStaticRoutes(app);
  app.get("/openapi.json", (c) => c.json(openApiDocument(options.version)));
  const { mcp } = options;
  if (mcp) {
    app.all("/mcp", async (c) => {
      const response = await mcp(c.req.raw);
      c.header("X-Accel-Buffering", "no");
      // Made anew, so that the headers set on the way here come along.
      return c.newResponse(response.body, response);
    });
  }
  return app;
}

function noSuchPath(path: string): EngineError {
  return new EngineError("not_found", {
    what: `There is nothing at ${path}.`,
    todo: "See /docs for what there is.",
    facts: { path },
  });
}

/** Not an EngineError: the engine knows no methods. */
function wrongMethod(method: string, allowed: readonly string[]): Response {
  const error = `${method} is not possible here. Use ${allowed.join(" or ")}.`;
  return Response.json({ error }, { status: 405, headers: { Allow: allowed.join(", ") } });
}

function bodyTooLarge(): EngineError {
  return new EngineError("too_large", {
    what: `The body is larger than ${maxJsonBytes / 2 ** 20} MB.`,
    todo: "Send files to /api/process.",
  });
}

function tokenNeeded(host: string): EngineError {
  return new EngineError("token_missing", {
    what: `HOST is ${host}, but SEEDVR2_API_TOKEN is not set.`,
    why: "Anyone on the network could use the engine.",
    todo: "Set SEEDVR2_API_TOKEN to a long random text, or HOST to 127.0.0.1.",
    facts: { host },
  });
}
