/** The HTTP surface's public face: what the composing program uses. */
export { createHttpApp } from "./app.ts";
export { listen } from "./listen.ts";
export type { Listening } from "./listen.ts";
export { openApiDocument } from "./openapi.ts";
export type { HttpApp, HttpOptions } from "./options.ts";
