import { buffer } from "node:stream/consumers";
import type { Ffmpeg } from "./ffmpeg.ts";
import { inputParameters, runFfmpeg, spawnFfmpeg } from "./ffmpeg-process.ts";
import { readHevcMessages } from "./hevc-messages.ts";
import type { ChromaPosition, ContentLight, MasteringDisplay } from "./media-info.ts";

/** What files with wide colours say beyond the usual tags; null where they do not. */
export interface HdrDetails {
  readonly chroma: ChromaPosition | null;
  readonly mastering: MasteringDisplay | null;
  readonly light: ContentLight | null;
}

/**
 * Asks for what the usual banner does not tell. ffmpeg prints mastering data that stands in the container, newer ones
 * that of the first frame too; with older ones it is read from the first HEVC packet.
 */
export async function probeHdr(
  ffmpeg: Ffmpeg,
  file: { readonly path: string; readonly demuxer: string; readonly codec: string },
  patience: number,
): Promise<HdrDetails> {
  const input = [...inputParameters(file.path, file.demuxer), "-map", "0:V:0"];
  const { stderr } = await runFfmpeg(
    ffmpeg.path,
    ["-hide_banner", "-v", "verbose", ...input, "-frames:v", "1", "-vf", "showinfo", "-f", "framecrc", "-"],
    { timeout: patience },
  );
  const printed = { mastering: masteringIn(stderr), light: lightIn(stderr) };
  const complete = printed.mastering && printed.light;
  const coded = complete || file.codec !== "hevc" ? null : await firstMessages(ffmpeg, input);
  return {
    chroma: chromaIn(stderr),
    mastering: printed.mastering ?? coded?.mastering ?? null,
    light: printed.light ?? coded?.light ?? null,
  };
}

/** The last stream described is that of the decoded frames. */
function chromaIn(text: string): ChromaPosition | null {
  const found = text.matchAll(
    /Video: [^\n]*\b(?:yuv|nv|p\d)\w+\([^)\n]*\b(left|center|topleft|top|bottomleft|bottom)\)/g,
  );
  return ([...found].at(-1)?.[1] as ChromaPosition | undefined) ?? null;
}

function masteringIn(text: string): MasteringDisplay | null {
  const pair = (name: string) => `${name}\\(([\\d.]+)[, ]+([\\d.]+)\\)`;
  const pattern = new RegExp(
    `mastering display.*has_primaries:1 has_luminance:1 ${["r", "g", "b", "wp"].map(pair).join(" ")} ` +
      "min_luminance=([\\d.]+), max_luminance=([\\d.]+)",
    "i",
  );
  const values = pattern.exec(text)?.slice(1).map(Number);
  if (!values) return null;
  const [rx = 0, ry = 0, gx = 0, gy = 0, bx = 0, by = 0, wx = 0, wy = 0, min = 0, max = 0] = values;
  const point = (x: number, y: number) => [Math.round(x * 50_000), Math.round(y * 50_000)] as const;
  return {
    ...{ red: point(rx, ry), green: point(gx, gy), blue: point(bx, by), white: point(wx, wy) },
    luminance: { max: Math.round(max * 10_000), min: Math.round(min * 10_000) },
  };
}

function lightIn(text: string): ContentLight | null {
  const found = /MaxCLL=(\d+), MaxFALL=(\d+)/.exec(text);
  return found ? { max: Number(found[1]), average: Number(found[2]) } : null;
}

async function firstMessages(ffmpeg: Ffmpeg, input: readonly string[]): Promise<ReturnType<typeof readHevcMessages>> {
  const process = spawnFfmpeg(
    ffmpeg.path,
    ["-v", "quiet", ...input, "-c", "copy", "-frames:v", "1", "-bsf:v", "hevc_mp4toannexb", "-f", "hevc", "pipe:1"],
    { feeds: false },
  );
  const [bytes] = await Promise.all([buffer(process.stdout), process.ended]);
  return readHevcMessages(bytes);
}
