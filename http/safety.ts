import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { EngineError } from "../engine/index.ts";
import type { HttpEnv, HttpOptions } from "./options.ts";

/**
 * What every request has to pass. A web page elsewhere must not be able to use an engine on its visitor's machine: it
 * could point a name of its own at 127.0.0.1 (so the Host header is checked) or send requests blindly (so Origin is).
 */
export function safety(options: HttpOptions): MiddlewareHandler<HttpEnv> {
  const loopback = isLoopback(options.host);
  return async (c, next) => {
    c.header("X-Content-Type-Options", "nosniff");
    c.header("Cross-Origin-Resource-Policy", "same-origin");
    const host = c.req.header("host") ?? "";
    if (loopback && !isLoopback(hostName(host))) throw foreignHost(host);
    const origin = c.req.header("origin");
    if (origin !== undefined && !sameOrigin(origin, host)) throw foreignOrigin(origin);
    if (
      options.apiToken !== null &&
      needsToken(c.req.path) &&
      !hasToken(c.req.header("authorization"), options.apiToken)
    ) {
      throw tokenMissing();
    }
    if (c.req.path !== "/health") options.onCall?.();
    await next();
  };
}

/** Whether an address or host name can only be this machine. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

/** Compares secrets without telling by time how much was right. */
export function sameSecret(given: string, right: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(right));
}

/** A Host header's name without its port. Any port is right: it may have been forwarded. */
function hostName(header: string): string {
  return header.replace(/:\d*$/, "");
}

function sameOrigin(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: own } = new URL(origin);
  const named = URL.canParse(`${protocol}//${host}`) ? new URL(`${protocol}//${host}`).host : "";
  return own !== "" && own === named;
}

/** Without a token: /health, the pages that ask for it (they hold no data), and /internal, which has its own secret. */
function needsToken(path: string): boolean {
  if (path === "/" || path === "/health" || path === "/docs" || path === "/openapi.json") return false;
  return !/^\/(page|docs|internal)\//.test(path);
}

function hasToken(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
  return given !== undefined && sameSecret(given, token);
}

function foreignHost(host: string): EngineError {
  return new EngineError("host_not_allowed", {
    what: `The Host header ${JSON.stringify(host)} is not this machine.`,
    why: "The engine listens on loopback only and answers to localhost, 127.0.0.1 and [::1].",
    todo: "Use http://localhost with the engine's port, or set HOST and SEEDVR2_API_TOKEN to serve other machines.",
    facts: { host },
  });
}

function foreignOrigin(origin: string): EngineError {
  return new EngineError("host_not_allowed", {
    what: `The origin ${JSON.stringify(origin)} is not the engine's own.`,
    why: "Web pages of other sites may not use the engine.",
    todo: "Open the engine's own page, or call it from a program, which sends no Origin header.",
    facts: { origin },
  });
}

function tokenMissing(): EngineError {
  return new EngineError("token_missing", {
    what: "The token is missing or wrong.",
    why: "This engine was started with SEEDVR2_API_TOKEN.",
    todo: "Send it as Authorization: Bearer TOKEN.",
  });
}
