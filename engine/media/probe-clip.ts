import { EngineError } from "../errors.ts";
import { type Banner, type BannerVideo, parseBanner } from "./banner.ts";
import { isHdr, resolveColour } from "./colour.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { clockParameters, inputParameters, lastLinesOf, runFfmpeg, spawnFfmpeg } from "./ffmpeg-process.ts";
import type { TimeBase } from "./frame.ts";
import type { SeenPart } from "./crop.ts";
import type { ClipInfo, Colour, FieldOrder, Ratio } from "./media-info.ts";
import { type Mirroring, readMoviePicture, turningParameters } from "./movie-picture.ts";
import { type PacketTable, readPacketTable } from "./packets.ts";
import { readPixelCrop } from "./pixel-crop.ts";
import { pixelFormatOf } from "./pixel-format.ts";
import { detectFields, marksFields } from "./probe-fields.ts";
import { type HdrDetails, probeHdr } from "./probe-hdr.ts";

/** Milliseconds a look at a file may be without an answer. */
const patience = 10_000;

/** Pixels a frame at most; ffmpeg refuses more before it asks for the memory. */
const maxPixels = 268_435_456;

/**
 * The containers ffmpeg may find by itself where the first bytes are none we know. Lists of files, pictures with
 * numbers in their names and the like are not among them: they would make it open other files.
 */
const guessable =
  "mov,mp4,matroska,webm,avi,flv,ogg,asf,mpeg,mpegts,mpegvideo,h264,hevc,m4v,obu,av1,nut,mxf,gxf,ivf,dv,rm,wtv,nsv," +
  "yuv4mpegpipe,h263,h261,vc1,dirac,roq,bink,smk,ea,thp,film_cpk,4xm,idcin,ipmovie,wc3movie,vmd,mjpeg,apng,swf,cavsvideo";

/** Probes a clip; `demuxer` is what its first bytes say, or null. Rejects with `unreadable_media`. */
export async function probeClip(ffmpeg: Ffmpeg, path: string, demuxer: string | null): Promise<ClipInfo> {
  const movie = demuxer === "mov" ? await readMoviePicture(path) : null;
  const mirroring = movie?.mirroring ?? null;
  const { banner, frame, stderr } = await firstFrame(ffmpeg, { path, demuxer, mirroring });
  const { video } = banner ?? {};
  if (!banner || !video) throw notAClip(path, banner, stderr);
  if (!frame) throw undecodable(path, video.codec, stderr);
  const name = demuxer ?? banner.formats[0] ?? "";
  const { packets, clockRestarts } = await clockAndPackets(ffmpeg, path, name);
  return {
    kind: "clip",
    demuxer: name,
    codec: video.codec,
    ...pictureOf(name === "matroska" ? await readPixelCrop(path) : movie?.seen, frame),
    rotation: video.rotation,
    ...(mirroring && { mirroring }),
    timeBase: fineEnough(packets),
    clockRestarts,
    ...lengthOf(packets, banner, video),
    startSeconds: clockRestarts ? 0 : (banner.startSeconds ?? 0),
    ...(await pixelsOf(ffmpeg, { path, demuxer: name }, { video, frame })),
    hasSound: banner.streams.some((stream) => stream.type === "sound"),
    streams: banner.streams,
    chapters: banner.chapters,
    metadata: banner.metadata,
  };
}

type Pixels = Pick<
  ClipInfo,
  "decoder" | "pixelFormat" | "depth" | "alpha" | "fields" | "colour" | "mastering" | "light"
>;

/** How pixels are laid out and what they mean. */
async function pixelsOf(
  ffmpeg: Ffmpeg,
  { path, demuxer }: { path: string; demuxer: string },
  { video, frame }: { video: BannerVideo; frame: FirstFrame },
): Promise<Pixels> {
  const file = { path, demuxer, codec: video.codec };
  const decoder = alphaDecoder(ffmpeg, video);
  const pixelFormat = decoder ? "yuva420p" : video.pixelFormat;
  const { depth, alpha } = pixelFormatOf(pixelFormat);
  const colour = resolveColour(video.tags, pixelFormat, frame);
  const hdr = await hdrOf(ffmpeg, file, colour);
  return {
    ...(decoder && { decoder }),
    ...{ pixelFormat, depth, alpha },
    fields: await fieldsOf(ffmpeg, file, { marked: [video.fields, frame.fields], size: frame }),
    colour: { ...colour, chroma: hdr?.chroma ?? colour.chroma },
    ...(hdr?.mastering && { mastering: hdr.mastering }),
    ...(hdr?.light && { light: hdr.light }),
  };
}

/** Alpha of VP8 and VP9 stands beside their pixels, where only libvpx looks for it. */
function alphaDecoder(ffmpeg: Ffmpeg, { codec, besideAlpha, pixelFormat }: BannerVideo): string | null {
  const name = { vp8: "libvpx", vp9: "libvpx-vp9" }[codec];
  return name && besideAlpha && pixelFormat === "yuv420p" && ffmpeg.decoders.has(name) ? name : null;
}

interface ClipFile {
  readonly path: string;
  readonly demuxer: string;
  readonly codec: string;
}

/** What only clips with wide colours have; asking costs a run of ffmpeg. */
async function hdrOf(ffmpeg: Ffmpeg, file: ClipFile, colour: Colour): Promise<HdrDetails | null> {
  return isHdr(colour) || colour.matrix === "bt2020nc" ? probeHdr(ffmpeg, file, patience) : null;
}

/** What container or frames say; where neither can, what the pictures look like. */
async function fieldsOf(
  ffmpeg: Ffmpeg,
  file: ClipFile,
  { marked, size }: { marked: readonly (FieldOrder | null)[]; size: { height: number; width: number } },
): Promise<FieldOrder> {
  const interlaced = marked.find((order) => order !== null && order !== "progressive");
  if (interlaced) return interlaced;
  if (marked[0] === "progressive" || marksFields(file.codec)) return "progressive";
  return detectFields(ffmpeg, file, { size, patience });
}

interface FirstFrame {
  readonly width: number;
  readonly height: number;
  readonly sampleAspect: Ratio;
  /** As the frame itself is marked; null where that means nothing. */
  readonly fields: FieldOrder | null;
}

/** What is to be seen of the frames; where this ffmpeg has cut them already, there is nothing left to do. */
function pictureOf(
  seen: SeenPart | null | undefined,
  { width, height, sampleAspect }: FirstFrame,
): Pick<ClipInfo, "width" | "height" | "sampleAspect" | "crop"> {
  const { coded } = seen?.crop ?? {};
  if (!seen || coded?.width !== width || coded.height !== height) return { width, height, sampleAspect };
  return { width: seen.crop.width, height: seen.crop.height, ...seen };
}

/** Opens the file and decodes one frame, turned upright as all frames will be. */
async function firstFrame(
  ffmpeg: Ffmpeg,
  { path, demuxer, mirroring }: { path: string; demuxer: string | null; mirroring: Mirroring | null },
): Promise<{ banner: Banner | null; frame: FirstFrame | null; stderr: string }> {
  const { stdout, stderr, timedOut } = await runFfmpeg(
    ffmpeg.path,
    [
      ...["-hide_banner", "-max_pixels", String(maxPixels)],
      ...(demuxer ? [] : ["-format_whitelist", guessable]),
      ...[...turningParameters(mirroring), ...inputParameters(path, demuxer ?? undefined), "-map", "0:V:0"],
      ...["-frames:v", "1", "-vf", [...(mirroring ? [mirroring] : []), "showinfo"].join(), "-f", "framecrc", "pipe:1"],
    ],
    { timeout: patience },
  );
  if (timedOut) {
    throw new EngineError("unreadable_media", {
      what: `${path} cannot be enlarged.`,
      why: `ffmpeg had found no frame in it after ${patience / 1000} seconds.`,
      todo: "Check whether it plays elsewhere; copy it to a faster disk if it lies on a slow one.",
      facts: { path },
    });
  }
  const size = /^#dimensions 0: (\d+)x(\d+)/m.exec(stdout);
  const aspect = /^#sar 0: (\d+)\/(\d+)/m.exec(stdout);
  const decoded = /^0, /m.test(stdout);
  const banner = parseBanner(stderr);
  if (!size || !decoded) return { banner, frame: null, stderr };
  const [num, den] = [Number(aspect?.[1]), Number(aspect?.[2])];
  const frame = {
    width: Number(size[1]),
    height: Number(size[2]),
    sampleAspect: num > 0 && den > 0 ? { num, den } : { num: 1, den: 1 },
    fields: ({ T: "top first", B: "bottom first" } as const)[/\bn: +0 .*\bi:([TB])\b/.exec(stderr)?.[1] ?? ""] ?? null,
  };
  return { banner, frame, stderr };
}

/** Containers whose parts may have clocks of their own: joining them takes no more than putting one behind the other. */
const joinable = new Set(["mpegts", "mpeg"]);

async function clockAndPackets(
  ffmpeg: Ffmpeg,
  path: string,
  demuxer: string,
): Promise<{ packets: PacketTable; clockRestarts: boolean }> {
  const packets = await packetTable(ffmpeg, path, { demuxer, clockRestarts: false });
  // A few of them are damage: there the next packets are right again.
  const clockRestarts = joinable.has(demuxer) && packets.stalls > 2;
  if (!clockRestarts) return { packets, clockRestarts };
  return { packets: await packetTable(ffmpeg, path, { demuxer, clockRestarts }), clockRestarts };
}

/** Ticks a frame should last at least, on average: so there is room for several frames that the file gives one time. */
const ticksPerFrame = 16;

/** The packets' own time base, or so small a part of it as leaves room between frames. */
function fineEnough({ timeBase, count, duration, stalls }: PacketTable): TimeBase {
  if (!timeBase) return { num: 1, den: 90_000 };
  const wanted = stalls > 0 ? ticksPerFrame : duration > 0 ? Math.ceil((ticksPerFrame * count) / duration) : 1;
  // Containers and encoders count ticks in 32 bits.
  const possible = Math.max(1, Math.floor(1_000_000 / timeBase.den));
  return { num: timeBase.num, den: timeBase.den * Math.min(wanted, possible) };
}

/** The packets' own table, without decoding; the time base exactly, which the banner rounds. */
async function packetTable(
  ffmpeg: Ffmpeg,
  path: string,
  { demuxer, clockRestarts }: Pick<ClipInfo, "demuxer" | "clockRestarts">,
): Promise<PacketTable> {
  const process = spawnFfmpeg(
    ffmpeg.path,
    [
      ...["-v", "error", ...clockParameters(clockRestarts), ...inputParameters(path, demuxer)],
      ...["-map", "0:V:0", "-c", "copy"],
      ...["-avoid_negative_ts", "disabled", "-f", "framecrc", "pipe:1"],
    ],
    { feeds: false },
  );
  const [table] = await Promise.all([readPacketTable(process, patience), process.ended]);
  return table;
}

function lengthOf(
  packets: PacketTable,
  banner: Banner,
  video: BannerVideo,
): Pick<ClipInfo, "frames" | "durationSeconds" | "restSeconds" | "frameRate"> {
  const frames = Math.max(1, packets.count);
  const { num, den } = packets.timeBase ?? { num: 0, den: 1 };
  const counted = (packets.duration * num) / den;
  const durationSeconds = counted > 0 ? counted : (banner.durationSeconds ?? frames / (video.frameRate ?? 25));
  return {
    frames,
    durationSeconds,
    restSeconds: ((packets.duration - packets.span) * num) / den,
    frameRate: durationSeconds > 0 ? frames / durationSeconds : (video.frameRate ?? 25),
  };
}

function notAClip(path: string, banner: Banner | null, stderr: string): EngineError {
  const sound = banner?.streams.some((stream) => stream.type === "sound") ?? false;
  const lines = lastLinesOf(stderr);
  return new EngineError("unreadable_media", {
    what: `${path} cannot be enlarged.`,
    why: sound
      ? "It has sound but no moving pictures."
      : `It is no picture or clip that can be read, or it is damaged${lines.length ? ` (ffmpeg says: ${lines.at(-1)})` : ""}.`,
    todo: "Give a picture or a clip; if it should be one, check whether it opens elsewhere and copy or download it again.",
    facts: { path, lines },
  });
}

function undecodable(path: string, codec: string, stderr: string): EngineError {
  const lines = lastLinesOf(stderr);
  return new EngineError("unreadable_media", {
    what: `${path} cannot be enlarged.`,
    why: `Not even its first frame (${codec}) can be decoded: it is cut off, damaged or of a kind this ffmpeg cannot read.`,
    todo: "Check whether it plays elsewhere, copy or download it again, or convert it to H.264.",
    facts: { path, codec, lines },
  });
}
