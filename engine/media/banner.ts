import type { ColourTags } from "./colour.ts";
import type { ChromaPosition, FieldOrder, StreamInfo } from "./media-info.ts";

/** What ffmpeg prints about a file it opens; all there is without ffprobe. */
export interface Banner {
  /** ffmpeg's names of the container format, e.g. mov, mp4, m4a. */
  readonly formats: readonly string[];
  readonly durationSeconds: number | null;
  readonly startSeconds: number | null;
  readonly streams: readonly StreamInfo[];
  readonly chapters: number;
  /** The file's own entries: title, place, date. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The first video stream that is no cover picture. */
  readonly video: BannerVideo | null;
}

export interface BannerVideo {
  readonly codec: string;
  readonly pixelFormat: string;
  readonly tags: ColourTags;
  /** As marked in the file; null where it is not. */
  readonly fields: FieldOrder | null;
  readonly frameRate: number | null;
  /** Degrees counter-clockwise, of the display matrix. */
  readonly rotation: number;
  /** Alpha in a stream of its own, which WebM has for VP8 and VP9. */
  readonly besideAlpha: boolean;
}

interface StreamText {
  readonly info: StreamInfo;
  /** What follows "Video: ". */
  readonly text: string;
  /** The lines under it: metadata and side data. */
  readonly below: string[];
}

const streamLine = /^ {2,4}Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\((\w+)\))?: (\w+): (.*)$/;
const types: Readonly<Record<string, StreamInfo["type"]>> = {
  Video: "video",
  Audio: "sound",
  Subtitle: "subtitle",
  Attachment: "attachment",
};

/** Reads the banner of `ffmpeg -i FILE` as any release since 2018 prints it; null where no file was opened. */
export function parseBanner(stderr: string): Banner | null {
  const text = stderr.split(/^(?:Stream mapping:|Output #0|At least one output file)/m)[0] ?? "";
  // The name stands between quotes and may hold anything, line ends too: what counts begins after it.
  const opened = /^Input #0, (.+?), from '/m.exec(text);
  if (!opened) return null;
  const streams = streamTexts(text.slice(opened.index));
  const video = streams.find(({ info }) => info.type === "video" && !info.attachedPicture);
  return {
    formats: (opened[1] ?? "").split(","),
    durationSeconds: seconds(/^ {2}Duration: (\d+):(\d+):([\d.]+)/m.exec(text)),
    startSeconds: numberIn(/^ {2}Duration: .*\bstart: (-?[\d.]+)/m.exec(text)),
    streams: streams.map(({ info }) => info),
    chapters: [...text.matchAll(/^ {2,4}Chapter #0:\d+: start /gm)].length,
    // Those of programs and chapters come after the duration.
    metadata: metadataIn((text.slice(opened.index).split(/^ {2}Duration: /m)[0] ?? "").split(/\r?\n/)),
    video: video ? parseVideo(video) : null,
  };
}

function streamTexts(text: string): StreamText[] {
  const found: StreamText[] = [];
  for (const line of text.split(/\r?\n/)) {
    const match = streamLine.exec(line);
    if (match) found.push(streamText(match));
    else found.at(-1)?.below.push(line);
  }
  return found.map((stream) => ({ ...stream, info: { ...stream.info, metadata: metadataIn(stream.below) } }));
}

/** The entries under "Metadata:", up to whatever follows it; a value's further lines begin with a colon. */
function metadataIn(lines: readonly string[]): Record<string, string> {
  const entries: [string, string][] = [];
  const start = lines.findIndex((line) => /^ {2,6}Metadata:$/.test(line));
  for (const line of start < 0 ? [] : lines.slice(start + 1)) {
    const [, name, value = ""] = /^ {4,8}(\S[^:]*?)? *: ?(.*)$/.exec(line) ?? [];
    const last = entries.at(-1);
    if (name !== undefined) entries.push([name, value]);
    else if (last && /^ +: /.test(line)) last[1] += `\n${value}`;
    else break;
  }
  return Object.fromEntries(entries);
}

/** Releases before 2019 do not say that a picture is attached; it has no frame rate, and the tick of all of them. */
function isCover(text: string): boolean {
  if (/\(attached pic\)/.test(text)) return true;
  return /^(mjpeg|png|bmp|gif|webp)\b/.test(text) && !/ fps,/.test(text) && /, 90k tbr, 90k tbn/.test(text);
}

function streamText(match: RegExpExecArray): StreamText {
  const [, index, language, kind, text = ""] = match;
  return {
    info: {
      index: Number(index),
      type: types[kind ?? ""] ?? "data",
      codec: /^[\w.-]+/.exec(text)?.[0] ?? "unknown",
      tag: /\((\w{4}) \/ 0x/.exec(text)?.[1] ?? null,
      language: language && language !== "und" ? language : null,
      isDefault: /\(default\)/.test(text),
      attachedPicture: isCover(text),
      metadata: {},
    },
    text,
    below: [],
  };
}

function parseVideo(video: StreamText): BannerVideo {
  // More talkative ffmpegs put "1 reference frame" in between.
  const [, format = ""] = splitOutsideBrackets(video.text).filter((part) => !/reference frame/.test(part));
  const [, pixelFormat = "unknown", details = ""] = /^(\w+)(?:\((.*)\))?$/.exec(format) ?? [];
  const parts = details.split(",").map((part) => part.trim());
  const rotation = /display ?matrix: rotation of (-?[\d.]+) degrees/i.exec(video.below.join("\n"));
  return {
    codec: video.info.codec,
    pixelFormat,
    tags: colourTags(parts),
    fields: fieldsOf(parts),
    frameRate: numberIn(/([\d.]+k?) fps/.exec(video.text)) ?? numberIn(/([\d.]+k?) tbr/.exec(video.text)),
    rotation: numberIn(rotation) ?? 0,
    besideAlpha: /^ +alpha_mode +: 1$/im.test(video.below.join("\n")),
  };
}

/** Field orders as the banner names them: the order on the screen counts, not that in the stream. */
const fieldOrders: Readonly<Record<string, FieldOrder>> = {
  progressive: "progressive",
  "top first": "top first",
  "bottom first": "bottom first",
  "top coded first (swapped)": "bottom first",
  "bottom coded first (swapped)": "top first",
};

function fieldsOf(parts: readonly string[]): FieldOrder | null {
  for (const part of parts) if (part in fieldOrders) return fieldOrders[part] ?? null;
  return null;
}

const chromaPositions = new Set<string>(["left", "center", "topleft", "top", "bottomleft", "bottom"]);

/**
 * In brackets after the pixel format: range; matrix/primaries/transfer, or one name for three equal ones; field order;
 * chroma position.
 */
function colourTags(parts: readonly string[]): ColourTags {
  const range = parts.includes("tv") ? "limited" : parts.includes("pc") ? "full" : null;
  const names = parts.find((part) => !/^(tv|pc|progressive|left|center|.*(top|bottom).*|\d+ bpc|)$/.test(part));
  const [matrix, primaries = matrix, transfer = matrix] = (names ?? "").split("/").map(known);
  return {
    matrix: matrix ?? null,
    primaries: primaries ?? null,
    transfer: transfer ?? null,
    range,
    chroma: chromaOf(parts),
  };
}

function chromaOf(parts: readonly string[]): ChromaPosition | null {
  const found = parts.find((part) => chromaPositions.has(part));
  return found === undefined ? null : (found as ChromaPosition);
}

function known(name: string): string | null {
  return name === "" || name === "unknown" || name === "unspecified" || name === "reserved" ? null : name;
}

function splitOutsideBrackets(text: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of text) {
    if ("([".includes(letter)) depth++;
    if (")]".includes(letter)) depth--;
    if (letter === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts.map((part) => part.trim());
}

function numberIn(match: RegExpExecArray | null): number | null {
  const text = match?.[1];
  if (text === undefined) return null;
  const value = text.endsWith("k") ? Number(text.slice(0, -1)) * 1000 : Number(text);
  return Number.isFinite(value) ? value : null;
}

function seconds(match: RegExpExecArray | null): number | null {
  return match ? Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]) : null;
}
