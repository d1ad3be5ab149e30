import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { type EncodingRequest, chooseEncoding } from "../../engine/media/choose-encoding.ts";
import { readClip } from "../../engine/media/clip-reader.ts";
import { openSegment } from "../../engine/media/clip-writer.ts";
import { travelDepth } from "../../engine/media/conversion.ts";
import type { EncodeSpec } from "../../engine/media/encoding.ts";
import type { Ffmpeg } from "../../engine/media/ffmpeg.ts";
import type { ClipInfo } from "../../engine/media/media-info.ts";
import { probeMedia } from "../../engine/media/probe.ts";
import { identityUpscaler } from "../contracts/identity-upscaler.ts";

export async function probeClip(ffmpeg: Ffmpeg, path: string): Promise<ClipInfo> {
  const info = await probeMedia(ffmpeg, path);
  if (info.kind !== "clip") throw new TypeError(`${path} was taken for a picture`);
  return info;
}

/** Takes a clip through the identity at its own size, decoder to encoder, as a task does, into one segment. */
export async function throughIdentity(
  ffmpeg: Ffmpeg,
  files: { source: string; result: string },
  request: EncodingRequest,
  change: Partial<EncodeSpec> = {},
): Promise<{ info: ClipInfo; spec: EncodeSpec; notes: readonly string[] }> {
  const info = await probeClip(ffmpeg, files.source);
  const { spec: chosen, notes } = chooseEncoding(info, request, info);
  const spec = { ...chosen, ...change };
  const upscaler = identityUpscaler();
  const writer = openSegment(ffmpeg, files.result, spec);
  const options = { depth: travelDepth(info, spec), deinterlace: request.deinterlace };
  let first = 0;
  for await (const frame of readClip(ffmpeg, files.source, info, options)) {
    const batch = { first: first++, frames: [frame], owned: { start: 0, count: 1 } };
    for (const made of await upscaler.upscale(batch, info, { onProgress: () => {}, memory: 0 }))
      await writer.write(made);
  }
  await writer.finish();
  return { info, spec, notes };
}

/** The bytes of all frames as an ffmpeg gives them. */
export function frameBytes(program: string, input: readonly string[], filters: string, pixelFormat: string): Buffer {
  const parameters = ["-nostdin", "-v", "error", "-filter_threads", "1", ...input, "-map", "0:V:0"];
  const output = ["-vf", filters, "-pix_fmt", pixelFormat, "-f", "rawvideo", "-"];
  return execFileSync(program, [...parameters, ...passthrough(program), ...output], { maxBuffer: 1 << 28 });
}

const passthroughs = new Map<string, readonly string[]>();

/** That frames are neither doubled nor dropped: new releases know only the new option. */
function passthrough(program: string): readonly string[] {
  const old = ["-vsync", "0"];
  const known = passthroughs.get(program) ?? (takes(program, old) ? old : ["-fps_mode", "passthrough"]);
  passthroughs.set(program, known);
  return known;
}

function takes(program: string, option: readonly string[]): boolean {
  const parameters = ["-v", "error", "-f", "lavfi", "-i", "color=d=0.04", ...option, "-f", "null", "-"];
  try {
    execFileSync(program, parameters, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Stands for frames' bytes, because comparing them as lists takes long when they differ. */
export function sumOf(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${createHash("sha256").update(bytes).digest("hex")}`;
}

export interface Decibels {
  readonly y: number;
  readonly u: number;
  readonly v: number;
}

/** How near two clips are, plane by plane, in dB; Infinity where they are equal. */
export function psnr(program: string, one: string, other: string, filtersOfOther = "null"): Decibels {
  const graph = `[0:V:0]null[a];[1:V:0]${filtersOfOther}[b];[a][b]psnr`;
  const log = execFileSync(
    "sh",
    [
      "-c",
      '"$0" -nostdin -hide_banner -filter_threads 1 -i "$1" -i "$2" -lavfi "$3" -f null - 2>&1',
      program,
      one,
      other,
      graph,
    ],
    { encoding: "utf8" },
  );
  const found = /PSNR y:(\S+) u:(\S+) v:(\S+)/.exec(log);
  const value = (text: string | undefined) => (text === "inf" ? Infinity : Number(text));
  return { y: value(found?.[1]), u: value(found?.[2]), v: value(found?.[3]) };
}
