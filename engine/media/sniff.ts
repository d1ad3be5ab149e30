import type { PictureFormat } from "./media-info.ts";

/** What a file's first bytes say it is; names count for nothing. */
export type Sniffed =
  | { readonly is: "picture"; readonly format: PictureFormat }
  /** `demuxer` null: no container we know, ffmpeg may look for itself. */
  | { readonly is: "clip"; readonly demuxer: string | null }
  /** `what` completes "It is …". */
  | { readonly is: "refused"; readonly what: string; readonly todo: string };

/** How many bytes `sniff` wants. */
export const sniffedBytes = 4096;

const textAdvice = "Give the picture or clip itself.";
const playlistAdvice = "Give the clip itself, not the list; download or join the parts first.";

interface Rule {
  readonly matches: (head: Head) => boolean;
  readonly result: Sniffed;
}

/** The first bytes, as bytes and as Latin-1 text. */
interface Head {
  readonly bytes: Uint8Array;
  readonly text: string;
}

const picture = (format: PictureFormat): Sniffed => ({ is: "picture", format });
const clip = (demuxer: string): Sniffed => ({ is: "clip", demuxer });
const refused = (what: string, todo: string): Sniffed => ({ is: "refused", what, todo });
const starts =
  (...beginnings: readonly string[]) =>
  (head: Head) =>
    beginnings.some((beginning) => head.text.startsWith(beginning));
const at = (offset: number, word: string) => (head: Head) => head.text.startsWith(word, offset);
/** The brands of an ISO file: the main one and those it is compatible with. */
const brand =
  (...names: readonly string[]) =>
  (head: Head) =>
    head.text.startsWith("ftyp", 4) && names.includes(head.text.slice(8, 12));

const rules: readonly Rule[] = [
  { matches: (head) => isAnimatedPng(head.text), result: clip("apng") },
  { matches: starts("\x89PNG\r\n\x1a\n"), result: picture("png") },
  { matches: starts("\xff\xd8\xff"), result: picture("jpeg") },
  { matches: (head) => starts("RIFF")(head) && at(8, "WEBP")(head), result: picture("webp") },
  { matches: starts("GIF87a", "GIF89a"), result: picture("gif") },
  { matches: starts("II*\0", "MM\0*", "II+\0", "MM\0+"), result: picture("tiff") },
  { matches: brand("avif", "avis"), result: picture("avif") },
  {
    matches: brand("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"),
    result: refused("a HEIC picture, which is not supported", "Save it as PNG, JPEG or AVIF and give that."),
  },
  {
    matches: starts("\xff\x0a", "\0\0\0\x0cJXL "),
    result: refused("a JPEG XL picture, which is not supported", "Save it as PNG, JPEG or AVIF and give that."),
  },
  {
    matches: starts("\0\0\0\x0cjP  ", "\xff\x4f\xff\x51"),
    result: refused("a JPEG 2000 picture, which is not supported", "Save it as PNG or TIFF and give that."),
  },
  {
    matches: (head) => /^(\s|\xef\xbb\xbf)*(<\?xml[^>]*>|<!--[^]*?-->|<!DOCTYPE[^>]*>|\s)*<svg[\s>]/i.test(head.text),
    result: refused("an SVG drawing, which has no pixels to enlarge", "Draw it larger with any SVG program."),
  },
  { matches: starts("#EXTM3U"), result: refused("a playlist (m3u8)", playlistAdvice) },
  { matches: starts("ffconcat"), result: refused("a list of files for ffmpeg (concat)", playlistAdvice) },
  { matches: (head) => head.text.includes("<MPD"), result: refused("a playlist (DASH, mpd)", playlistAdvice) },
  { matches: (head) => /^v=0\r?\n/.test(head.text), result: refused("a session description (SDP)", playlistAdvice) },
  { matches: starts("8BPS"), result: refused("a Photoshop file", "Save it as PNG or TIFF and give that.") },
  { matches: starts("BM"), result: refused("a BMP picture", "Save it as PNG and give that.") },
  { matches: starts("%PDF"), result: refused("a PDF document", textAdvice) },
  { matches: (head) => /^(ftyp|moov|mdat|wide|free|skip|pnot)/.test(head.text.slice(4)), result: clip("mov") },
  { matches: starts("\x1a\x45\xdf\xa3"), result: clip("matroska") },
  { matches: (head) => starts("RIFF")(head) && at(8, "AVI")(head), result: clip("avi") },
  { matches: starts("nut/multimedia container"), result: clip("nut") },
  { matches: starts("FLV\x01"), result: clip("flv") },
  { matches: starts("OggS"), result: clip("ogg") },
  { matches: starts("\x30\x26\xb2\x75\x8e\x66\xcf\x11"), result: clip("asf") },
  { matches: starts("YUV4MPEG2 "), result: clip("yuv4mpegpipe") },
  { matches: starts("\0\0\x01\xba"), result: clip("mpeg") },
  { matches: (head) => isTransportStream(head.bytes), result: clip("mpegts") },
  { matches: starts("\x06\x0e\x2b\x34"), result: clip("mxf") },
  { matches: starts("DKIF"), result: clip("ivf") },
  { matches: (head) => isText(head.bytes), result: refused("text, whatever its name says", textAdvice) },
];

/** Tells what a file is by its first bytes (`sniffedBytes` of them, fewer if it is shorter; at least one). */
export function sniff(bytes: Uint8Array): Sniffed {
  const head: Head = { bytes, text: Buffer.from(bytes).toString("latin1") };
  return rules.find((rule) => rule.matches(head))?.result ?? { is: "clip", demuxer: null };
}

/** An animation's control chunk comes before its pixels. */
function isAnimatedPng(text: string): boolean {
  if (!text.startsWith("\x89PNG")) return false;
  const control = text.indexOf("acTL");
  const pixels = text.indexOf("IDAT");
  return control > 0 && (pixels < 0 || control < pixels);
}

/** Packets of 188 bytes (192 in m2ts, after four bytes of time), each beginning with G. */
function isTransportStream(bytes: Uint8Array): boolean {
  const rises = (start: number, step: number) => [0, 1, 2].every((packet) => bytes[start + packet * step] === 0x47);
  return rises(0, 188) || rises(4, 192);
}

/** No control characters but white space. */
function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13 || byte === 12);
}
