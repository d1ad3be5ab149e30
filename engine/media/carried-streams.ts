import type { Container } from "./encoding.ts";
import type { StreamInfo } from "./media-info.ts";

/** How much of the source's other streams goes into a result; each is tried when the one before failed. */
export const carryings = ["copied", "converted", "left out"] as const;
export type Carrying = (typeof carryings)[number];

export interface CarriedStreams {
  /** ffmpeg parameters that map and convert the streams of input 1. */
  readonly parameters: readonly string[];
  /** What was converted or left out, finished sentences. */
  readonly notes: readonly string[];
}

interface ContainerTraits {
  /** Sound taken as it is. */
  readonly sound: (codec: string) => boolean;
  /** What other sound becomes. */
  readonly soundEncoder: readonly [encoder: string, bitRate: string];
  /** Text subtitles become this; those of it are copied. */
  readonly text: { readonly encoder: string; readonly keeps: (codec: string) => boolean };
  readonly attachments: boolean;
}

const isPcm = (codec: string) => /^pcm_(s|f|u|mulaw|alaw)/.test(codec);
const oneOf = (names: string) => (codec: string) => names.split(" ").includes(codec);

const traits: Readonly<Record<Container, ContainerTraits>> = {
  mp4: {
    sound: oneOf("aac mp3 mp2 ac3 eac3 alac opus flac dts"),
    soundEncoder: ["aac", "256k"],
    text: { encoder: "mov_text", keeps: oneOf("mov_text") },
    attachments: false,
  },
  mov: {
    sound: (codec) => isPcm(codec) || oneOf("aac mp3 mp2 ac3 eac3 alac amr_nb amr_wb")(codec),
    soundEncoder: ["aac", "256k"],
    text: { encoder: "mov_text", keeps: oneOf("mov_text") },
    attachments: false,
  },
  mkv: {
    sound: (codec) => isPcm(codec) || !/^(pcm|none|unknown)/.test(codec),
    soundEncoder: ["flac", "0"],
    text: { encoder: "srt", keeps: (codec) => codec !== "mov_text" && codec !== "eia_608" },
    attachments: true,
  },
  webm: {
    sound: oneOf("opus vorbis"),
    soundEncoder: ["libopus", "192k"],
    text: { encoder: "webvtt", keeps: oneOf("webvtt") },
    attachments: false,
  },
};

const textSubtitles = new Set("subrip srt ass ssa mov_text webvtt text microdvd subviewer sami eia_608".split(" "));

/** Decides what happens to each stream of the source beside the enlarged one. */
export function carryStreams(streams: readonly StreamInfo[], container: Container, carrying: Carrying): CarriedStreams {
  const parameters: string[] = [];
  const notes: string[] = [];
  const places = { sound: 0, subtitle: 0, attachment: 0 };
  const enlarged = streams.find((stream) => stream.type === "video" && !stream.attachedPicture);
  for (const stream of streams) {
    if (stream === enlarged) continue;
    const fate = fateOf(stream, container, carrying);
    if (fate.note) notes.push(fate.note);
    if (fate.codec === null || !(stream.type in places)) continue;
    const kind = stream.type as keyof typeof places;
    const specifier = `${{ sound: "a", subtitle: "s", attachment: "t" }[kind]}:${places[kind]++}`;
    parameters.push("-map", `1:${stream.index}`, `-c:${specifier}`, fate.codec);
    if (fate.bitRate) parameters.push(`-b:${specifier}`, fate.bitRate);
  }
  return { parameters, notes };
}

interface Fate {
  /** copy, an encoder, or null: left out. */
  readonly codec: string | null;
  readonly bitRate?: string;
  readonly note?: string;
}

function fateOf(stream: StreamInfo, container: Container, carrying: Carrying): Fate {
  const name = `stream ${stream.index} (${stream.codec}${stream.language ? `, ${stream.language}` : ""})`;
  switch (stream.type) {
    case "sound":
      return soundFate(stream, container, carrying);
    case "subtitle":
      return subtitleFate(stream, container, carrying);
    case "attachment":
      if (traits[container].attachments && carrying === "copied") return { codec: "copy" };
      return { codec: null, note: `The attachment in ${name} was left out.` };
    case "video":
      return { codec: null, note: `Only the first video stream is enlarged; ${name} was left out.` };
    case "data":
      // Chapters and time codes look like data to ffmpeg; chapters are carried by themselves.
      return { codec: null };
  }
}

function soundFate(stream: StreamInfo, container: Container, carrying: Carrying): Fate {
  const { sound, soundEncoder } = traits[container];
  if (carrying === "left out") return { codec: null, note: `The sound in stream ${stream.index} was left out.` };
  if (carrying === "copied" && sound(stream.codec)) return { codec: "copy" };
  const [encoder, bitRate] = soundEncoder;
  const note = `The sound in stream ${stream.index} was converted from ${stream.codec} to ${encoder} for ${container}.`;
  return { codec: encoder, ...(bitRate !== "0" && { bitRate }), note };
}

function subtitleFate(stream: StreamInfo, container: Container, carrying: Carrying): Fate {
  const { text } = traits[container];
  const note = `The subtitles in stream ${stream.index} (${stream.codec}) were left out: ${container} cannot hold them.`;
  if (carrying !== "copied") return { codec: null, note: `The subtitles in stream ${stream.index} were left out.` };
  if (text.keeps(stream.codec)) return { codec: "copy" };
  if (!textSubtitles.has(stream.codec)) return { codec: null, note };
  return {
    codec: text.encoder,
    note: `The subtitles in stream ${stream.index} were converted from ${stream.codec} to ${text.encoder} for ${container}.`,
  };
}
