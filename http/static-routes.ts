import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { contentType } from "./content-type.ts";
import type { HttpApp } from "./options.ts";

/** Nothing from other hosts, no frames around us. */
const pagePolicy =
  "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/** Swagger UI sets styles on its elements. */
const docsPolicy = `${pagePolicy}; style-src 'self' 'unsafe-inline'`;

interface StaticFile {
  readonly from: "page" | "swagger";
  readonly file: string;
  readonly policy: string;
}

/** All files there are to be had; a path that is not here is not served. */
const files: Readonly<Record<string, StaticFile>> = {
  "/": { from: "page", file: "index.html", policy: pagePolicy },
  "/page/page.css": { from: "page", file: "page.css", policy: pagePolicy },
  "/page/page.js": { from: "page", file: "page.js", policy: pagePolicy },
  "/docs": { from: "page", file: "reference.html", policy: docsPolicy },
  "/docs/reference.js": { from: "page", file: "reference.js", policy: docsPolicy },
  "/docs/swagger-ui.css": { from: "swagger", file: "swagger-ui.css", policy: docsPolicy },
  "/docs/swagger-ui-bundle.js": { from: "swagger", file: "swagger-ui-bundle.js", policy: docsPolicy },
};

/** Adds the web page and the API reference; both work offline. */
export function addStaticRoutes(app: HttpApp): void {
  for (const [path, { from, file, policy }] of Object.entries(files)) {
    app.get(path, async (c) => {
      const bytes = await readFile(join(folderOf(from), file));
      return c.body(new Uint8Array(bytes), 200, {
        "Content-Type": contentType(file),
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
      });
    });
  }
}

function folderOf(from: StaticFile["from"]): string {
  if (from === "page") return fileURLToPath(new URL("./page/", import.meta.url));
  return dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
}
