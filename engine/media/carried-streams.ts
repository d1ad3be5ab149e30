import type { Container } from "./encoding.ts";
import type { ClipInfo, StreamInfo } from "./media-info.ts";

/** How a stream of the source goes into a result; each is tried when the one before failed. */
export const carryings = ["copied", "converted", "left out"] as const;
export type Carrying = (typeof carryings)[number];

export interface CarriedStreams {
  /** ffmpeg parameters that map and convert the source's streams. */
  readonly parameters: readonly string[];
  /** What was converted or left out, finished sentences. */
  readonly notes: readonly string[];
}

export interface CarryingWish {
  readonly container: Container;
  /** Which of ffmpeg's inputs the source is. */
  readonly input: number;
  /** How to carry the stream of an index; as good as possible where it says nothing. */
  readonly carrying: ReadonlyMap<number, Carrying>;
  /** Cover pictures as files by their stream's index, for containers that have covers as attachments. */
  readonly covers: ReadonlyMap<number, string>;
}

interface ContainerTraits {
  /** Sound taken as it is. */
  readonly sound: (codec: string) => boolean;
  /** What other sound becomes. */
  readonly soundEncoder: readonly [encoder: string, bitRate: string];
  /** Text subtitles become this. */
  readonly textEncoder: string;
  /** Subtitles taken as they are. */
  readonly subtitles: (codec: string) => boolean;
  readonly attachments: boolean;
  /** Where a cover picture goes. */
  readonly cover: "stream" | "attachment" | null;
}

const isPcm = (codec: string) => /^pcm_(s|f|u|mulaw|alaw)/.test(codec);
const oneOf = (names: string) => (codec: string) => names.split(" ").includes(codec);

export const containerTraits: Readonly<Record<Container, ContainerTraits>> = {
  mp4: {
    sound: oneOf("aac mp3 mp2 ac3 eac3 alac opus flac dts"),
    soundEncoder: ["aac", "256k"],
    textEncoder: "mov_text",
    subtitles: oneOf("mov_text dvd_subtitle"),
    attachments: false,
    cover: "stream",
  },
  mov: {
    sound: (codec) => isPcm(codec) || oneOf("aac mp3 mp2 ac3 eac3 alac amr_nb amr_wb")(codec),
    soundEncoder: ["aac", "256k"],
    textEncoder: "mov_text",
    subtitles: oneOf("mov_text"),
    attachments: false,
    cover: null,
  },
  mkv: {
    sound: (codec) => isPcm(codec) || !/^(pcm|none|unknown)/.test(codec),
    soundEncoder: ["flac", "0"],
    textEncoder: "srt",
    subtitles: oneOf("subrip srt ass ssa webvtt hdmv_pgs_subtitle dvd_subtitle dvb_subtitle hdmv_text_subtitle"),
    attachments: true,
    cover: "attachment",
  },
  webm: {
    sound: oneOf("opus vorbis"),
    soundEncoder: ["libopus", "192k"],
    textEncoder: "webvtt",
    subtitles: oneOf("webvtt"),
    attachments: false,
    cover: null,
  },
};

/** Pictures that MP4 has a box for. */
const streamCovers = oneOf("mjpeg png bmp");
const textSubtitles = new Set("subrip srt ass ssa mov_text webvtt text microdvd subviewer sami eia_608".split(" "));

/** The stream that frames are read from. */
export function enlargedStream(streams: readonly StreamInfo[]): StreamInfo | undefined {
  return streams.find((stream) => stream.type === "video" && !stream.attachedPicture);
}

/** Decides what happens to each stream of the source beside the enlarged one. */
export function carryStreams(info: Pick<ClipInfo, "streams" | "chapters">, wish: CarryingWish): CarriedStreams {
  const parameters: string[] = [];
  const attached: string[] = [];
  const notes: string[] = [];
  const places = { a: 0, s: 0, t: 0, v: 1 };
  const enlarged = enlargedStream(info.streams);
  for (const stream of info.streams) {
    if (stream === enlarged) continue;
    const fate = fateOf(stream, wish, info.chapters);
    if (fate.note) notes.push(fate.note);
    if (fate.attach !== undefined) attached.push(fate.attach);
    const kind = kinds[stream.type];
    if (fate.codec === null || kind === null) continue;
    const specifier = `${kind}:${places[kind]++}`;
    parameters.push(
      "-map",
      `${wish.input}:${stream.index}`,
      `-c:${specifier}`,
      fate.codec,
      ...(fate.extra?.(specifier) ?? []),
    );
  }
  // Those stand after the mapped ones, whatever the order here.
  const attach = attached.flatMap((file) => attachParameters(file, places.t++));
  return { parameters: [...parameters, ...attach], notes };
}

const kinds = { sound: "a", subtitle: "s", attachment: "t", video: "v", data: null } as const;

function attachParameters(file: string, place: number): string[] {
  const png = file.endsWith(".png");
  return [
    ...["-attach", file, `-metadata:s:t:${place}`, `mimetype=image/${png ? "png" : "jpeg"}`],
    ...[`-metadata:s:t:${place}`, `filename=cover.${png ? "png" : "jpg"}`],
  ];
}

interface Fate {
  /** copy, an encoder, or null: not mapped. */
  readonly codec: string | null;
  /** More parameters for the stream of that specifier. */
  readonly extra?: (specifier: string) => string[];
  /** A file that goes in as an attachment in the stream's place. */
  readonly attach?: string;
  readonly note?: string;
}

function fateOf(stream: StreamInfo, wish: CarryingWish, chapters: number): Fate {
  const { container } = wish;
  const carrying = wish.carrying.get(stream.index) ?? "copied";
  const { attachments } = containerTraits[container];
  switch (stream.type) {
    case "sound":
      return soundFate(stream, container, carrying);
    case "subtitle":
      return subtitleFate(stream, container, carrying);
    case "attachment":
      if (attachments && carrying === "copied") return { codec: "copy" };
      return { codec: null, note: `The attachment in ${nameOf(stream)} was left out: ${container} cannot hold it.` };
    case "video":
      if (stream.attachedPicture) return coverFate(stream, wish, carrying);
      return { codec: null, note: `Only the first video stream is enlarged; ${nameOf(stream)} was left out.` };
    case "data":
      return dataFate(stream, chapters);
  }
}

function nameOf(stream: StreamInfo): string {
  const { index, codec, language, metadata } = stream;
  const name = metadata["filename"] ?? metadata["title"];
  return `stream ${index} (${[codec, language, name].filter(Boolean).join(", ")})`;
}

function coverFate(stream: StreamInfo, { container, covers }: CarryingWish, carrying: Carrying): Fate {
  const { cover } = containerTraits[container];
  const file = covers.get(stream.index);
  if (carrying === "copied" && cover === "attachment" && file !== undefined) return { codec: null, attach: file };
  if (carrying === "copied" && cover === "stream" && streamCovers(stream.codec)) {
    return { codec: "copy", extra: (specifier) => [`-disposition:${specifier}`, "attached_pic"] };
  }
  return { codec: null, note: `The cover picture in ${nameOf(stream)} was left out: ${container} cannot hold it.` };
}

/** Chapters and time codes look like data to ffmpeg, and are carried by themselves. */
function dataFate(stream: StreamInfo, chapters: number): Fate {
  const carriedOtherwise = stream.tag === "tmcd" || (stream.tag === "text" && chapters > 0);
  if (carriedOtherwise) return { codec: null };
  const kind = stream.tag ?? stream.metadata["handler_name"] ?? stream.codec;
  return { codec: null, note: `The data in stream ${stream.index} (${kind}) were left out.` };
}

function soundFate(stream: StreamInfo, container: Container, carrying: Carrying): Fate {
  const { sound, soundEncoder } = containerTraits[container];
  if (carrying === "left out") return { codec: null, note: `The sound in ${nameOf(stream)} was left out.` };
  if (carrying === "copied" && sound(stream.codec)) return { codec: "copy" };
  const [encoder, bitRate] = soundEncoder;
  return {
    codec: encoder,
    extra: (specifier) => (bitRate === "0" ? [] : [`-b:${specifier}`, bitRate]),
    note: `The sound in stream ${stream.index} was converted from ${stream.codec} to ${encoder} for ${container}.`,
  };
}

function subtitleFate(stream: StreamInfo, container: Container, carrying: Carrying): Fate {
  const { textEncoder, subtitles } = containerTraits[container];
  if (carrying === "left out") return { codec: null, note: `The subtitles in ${nameOf(stream)} were left out.` };
  if (carrying === "copied" && subtitles(stream.codec)) return { codec: "copy" };
  if (!textSubtitles.has(stream.codec)) {
    return { codec: null, note: `The subtitles in ${nameOf(stream)} were left out: ${container} cannot hold them.` };
  }
  return {
    codec: textEncoder,
    note: `The subtitles in stream ${stream.index} were converted from ${stream.codec} to ${textEncoder} for ${container}.`,
  };
}
