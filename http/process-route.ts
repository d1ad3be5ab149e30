import { rm } from "node:fs/promises";
import { EngineError, parameterSchemas, parseInput } from "../engine/index.ts";
import type { HttpApp, HttpContext, HttpOptions } from "./options.ts";
import { valuesFromTexts } from "./text-values.ts";
import { receiveUpload } from "./upload.ts";
import type { Upload } from "./upload.ts";

/** The fields besides the file: a task's parameters, without those that are paths on the engine's machine. */
export const processFields = parameterSchemas.videoParameters.omit({ file_path: true, output_path: true });

/** Adds POST /api/process: an upload becomes a task. */
export function addProcessRoute(app: HttpApp, options: HttpOptions): void {
  app.post("/api/process", async (c) => {
    const upload = await receiveUpload(c.env.incoming as Parameters<typeof receiveUpload>[0], options);
    try {
      const result = await submit(c, upload, options);
      // A known idempotency key answered with the first task, which has its own copy.
      if (result.duplicate) await discard(upload);
      return c.json(result);
    } catch (error) {
      await discard(upload);
      throw error;
    }
  });
}

/** The fields of a plan besides the file. */
export const planFields = parameterSchemas.planParameters.omit({ file_path: true, output_path: true });

/** Adds POST /api/plan for uploads: the file is looked at, and gone when the answer is there. JSON goes on to its operation. */
export function addPlanUploads(app: HttpApp, options: HttpOptions): void {
  app.post("/api/plan", async (c, next) => {
    if (!/^multipart\//i.test(c.req.header("content-type") ?? "")) return next();
    const { engine, caller } = options;
    const upload = await receiveUpload(c.env.incoming as Parameters<typeof receiveUpload>[0], options);
    try {
      const fields = parseInput(planFields, valuesFromTexts(planFields, upload.fields));
      const input = { ...fields, file_path: upload.path };
      return c.json(await engine.call("plan", input, { caller, upload: { name: upload.name } }));
    } finally {
      await discard(upload);
    }
  });
}

function submit(c: HttpContext, upload: Upload, { engine, caller }: HttpOptions) {
  const fields = parseInput(processFields, valuesFromTexts(processFields, upload.fields));
  const key = idempotencyKey(c.req.header("idempotency-key"), fields.idempotency_key);
  const input = { ...fields, file_path: upload.path, ...(key !== undefined && { idempotency_key: key }) };
  return engine.call("submit_task", input, { caller, upload: { name: upload.name } });
}

function idempotencyKey(header: string | undefined, field: string | undefined): string | undefined {
  if (header !== undefined && field !== undefined && header !== field) {
    throw new EngineError("invalid_parameter", {
      what: "The header Idempotency-Key and the field idempotency_key differ.",
      todo: "Give one of them.",
      facts: { parameter: "idempotency_key" },
    });
  }
  return header ?? field;
}

function discard(upload: Upload): Promise<void> {
  return rm(upload.folder, { recursive: true, force: true });
}
