import { dirname, extname } from "node:path";
import { writablePath } from "../allowed-paths.ts";
import type { Caller } from "../engine.ts";
import { EngineError } from "../errors.ts";
import type { MediaInfo } from "../media/media-info.ts";
import { formatTraits, writtenFormats } from "../media/picture-formats.ts";
import type { TaskParameters } from "../schemas/parameters.ts";
import type { OutputWish } from "../tasks/task.ts";

const formats = {
  picture: writtenFormats,
  clip: ["mp4", "mov", "mkv", "webm"],
} as const;

/**
 * Where a result goes and as what. The extension decides the format; a sequence of pictures is a folder, which has
 * none. Throws `invalid_parameter`, `path_not_allowed` or `not_writable`.
 */
export async function outputWish(parameters: TaskParameters, info: MediaInfo, caller: Caller): Promise<OutputWish> {
  const { output_path: given, overwrite } = parameters;
  const format = formatOf(parameters, info);
  const allowed = [...caller.allowedFolders, caller.outputFolder];
  if (!given) {
    const inFolder = await writablePath("OUTPUT_FOLDER", `${caller.outputFolder}/x`, allowed);
    return { folder: dirname(inFolder), path: null, format, overwrite };
  }
  const path = await writablePath("output_path", given, allowed);
  return { folder: dirname(path), path, format, overwrite };
}

function formatOf({ output_path, output_format, codec }: TaskParameters, info: MediaInfo): string {
  const extension = output_path === undefined ? output_format : extname(output_path);
  const wished = extension?.replace(/^\./, "").toLowerCase();
  if (info.kind === "clip" && codec === "png_sequence") return sequenceFormat(wished, output_path !== undefined);
  const moving = info.kind === "picture" && info.pages > 1 && formatTraits[info.format].animated;
  if (wished === undefined) return moving ? info.format : info.kind === "picture" ? "png" : "mp4";
  const possible: readonly string[] = formats[info.kind];
  if (possible.includes(wished)) return wished;
  const orFolder = info.kind === "clip" ? ", and a folder of pictures with codec png_sequence" : "";
  throw new EngineError("invalid_parameter", {
    what: wished
      ? `A ${info.kind} cannot be written as .${wished}.`
      : "The output path has no extension, which decides the format.",
    todo: `Possible are: ${possible.join(", ")}${orFolder}.`,
    facts: { parameter: "output_format", given: wished, allowed: possible },
  });
}

/** A folder's name may have a dot in it, but one that looks like a file's would be a surprise. */
function sequenceFormat(wished: string | undefined, isPath: boolean): "png" {
  const isFile = [...formats.clip, ...formats.picture].some((format) => format === wished);
  if (!wished || (isPath ? !isFile : wished === "png")) return "png";
  throw new EngineError("invalid_parameter", {
    what: `codec png_sequence is not possible in ${wished}: it gives a folder of pictures.`,
    todo: isPath ? "Name a folder, without an extension, as output_path." : "Leave output_format out.",
    facts: { parameter: isPath ? "output_path" : "output_format", given: wished },
  });
}
