import { malformed } from "./malformed.ts";
import { rotationGroups } from "./rotation.ts";

/** How a layer is stored, as the marker beside it says. */
export interface LayerFormat {
  readonly format: "float8_e4m3fn" | "int8_tensorwise" | "mxfp8" | "nvfp4";
  /** Columns that were rotated together, where they were. */
  readonly rotated?: number;
}

/** A flag about computing, which is in full precision here anyway. */
const COMPUTING = "full_precision_matrix_mult";

/** The flags each format may have. */
const flags: Readonly<Record<LayerFormat["format"], readonly string[]>> = {
  float8_e4m3fn: [COMPUTING],
  int8_tensorwise: [COMPUTING, "convrot", "convrot_groupsize"],
  mxfp8: [COMPUTING],
  nvfp4: [COMPUTING],
};

/** Columns rotated together where the marker does not say. */
const USUAL_GROUP = 256;

/** Longest marker that is read, in bytes. */
export const MAX_MARKER = 4096;

/**
 * What the marker called `name` says: the bytes of a JSON object with `format` and, for int8, `convrot` and
 * `convrot_groupsize` (seedvr2-comfy-checkpoints.md section 2). Throws `checkpoint_malformed` for anything else.
 */
export function parseMarker(path: string, name: string, bytes: Uint8Array): LayerFormat {
  const marker = parsed(path, name, bytes);
  const { format, convrot = false, convrot_groupsize: group = USUAL_GROUP } = marker;
  if (typeof format !== "string" || !isFormat(format)) {
    throw malformed(path, { field: `format in ${name}`, found: format, allowed: Object.keys(flags).join(", ") });
  }
  const unknown = Object.keys(marker).find((key) => key !== "format" && !flags[format].includes(key));
  if (unknown !== undefined) {
    const allowed = `only ${flags[format].join(", ")} with ${format}`;
    throw malformed(path, { field: `flag in ${name}`, found: unknown, allowed });
  }
  if (typeof convrot !== "boolean") {
    throw malformed(path, { field: `convrot in ${name}`, found: convrot, allowed: "true or false" });
  }
  if (typeof group !== "number" || !rotationGroups.includes(group)) {
    const allowed = rotationGroups.join(", ");
    throw malformed(path, { field: `convrot_groupsize in ${name}`, found: group, allowed });
  }
  return { format, ...(convrot && { rotated: group }) };
}

function parsed(path: string, name: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const allowed = 'a JSON object such as {"format": "mxfp8"}';
  const text = new TextDecoder().decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed(path, { field: name, found: text, allowed });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(path, { field: name, found: text, allowed });
  }
  return { ...value };
}

function isFormat(text: string): text is LayerFormat["format"] {
  return Object.hasOwn(flags, text);
}
