import type { Crop } from "./crop.ts";
import type { TimeBase } from "./frame.ts";
import type { Mirroring } from "./movie-picture.ts";

/** What probing found out about a file; plain values that survive JSON. */
export type MediaInfo = PictureInfo | ClipInfo;

export type PictureFormat = "png" | "jpeg" | "webp" | "avif" | "tiff" | "gif";

export interface PictureInfo {
  readonly kind: "picture";
  readonly format: PictureFormat;
  /** Pixels of the first page, upright: a turn in EXIF is already applied to these. */
  readonly width: number;
  readonly height: number;
  /** Bits a channel as read; what has more than 8 is read as 16. */
  readonly depth: 8 | 16;
  readonly alpha: boolean;
  readonly grey: boolean;
  /** Pages of a TIFF, frames of an animation; 1 for an ordinary picture. */
  readonly pages: number;
  /** Whether the frames of an animation are read together; else page by page. */
  readonly stacked: boolean;
  /** Pages of a TIFF that differ in size: that of each, upright. */
  readonly pageSizes?: readonly { readonly width: number; readonly height: number }[];
  /** Animations: milliseconds each frame is shown. */
  readonly delays?: readonly number[];
  /** Animations: how often it is played; 0 for ever. */
  readonly loop?: number;
}

export interface ClipInfo {
  readonly kind: "clip";
  /** ffmpeg's name of the container format, e.g. mov, matroska; given to it again whenever the file is opened. */
  readonly demuxer: string;
  readonly codec: string;
  /** The decoder to ask for where ffmpeg's usual one leaves alpha out. */
  readonly decoder?: string;
  /** Pixels as frames are read: turned upright, not stretched by the sample aspect. */
  readonly width: number;
  readonly height: number;
  /** Width of a pixel ÷ its height, upright. */
  readonly sampleAspect: Ratio;
  /** Degrees the stored pixels are turned by, counter-clockwise; already applied to width and height. */
  readonly rotation: number;
  /** Mirrored clips: what makes them upright, rotation included. */
  readonly mirroring?: Mirroring;
  /** Where only a part of the decoded frames is to be seen, in upright pixels. */
  readonly crop?: Crop;
  /** What times are counted in: the file's own ticks, or fractions of them where they are coarser than frames need. */
  readonly timeBase: TimeBase;
  /** Whether the file's clock jumps back on the way, as in recordings put one behind the other; then it is run on. */
  readonly clockRestarts: boolean;
  /** Estimated from packets: what really is there is known when it has been read. */
  readonly frames: number;
  readonly durationSeconds: number;
  /** How long the last frame is shown; 0 where the file does not say. */
  readonly restSeconds: number;
  /** Average frames a second. */
  readonly frameRate: number;
  /** Where the clock that frame times are read from starts, in seconds: earliest stream. */
  readonly startSeconds: number;
  readonly pixelFormat: string;
  readonly depth: 8 | 16;
  readonly alpha: boolean;
  /** Interlaced unless "progressive": which field of a frame is shown first. */
  readonly fields: FieldOrder;
  readonly colour: Colour;
  /** HDR: the screen it was made on, and its brightest pixels, where the file says so. */
  readonly mastering?: MasteringDisplay;
  readonly light?: ContentLight;
  readonly hasSound: boolean;
  /** All streams in the file's order. */
  readonly streams: readonly StreamInfo[];
  readonly chapters: number;
  /** The file's own entries: title, place, date. */
  readonly metadata: Readonly<Record<string, string>>;
}

export type FieldOrder = "progressive" | "top first" | "bottom first";

export interface Ratio {
  readonly num: number;
  readonly den: number;
}

/** How numbers in a file mean light, in ffmpeg's names (bt709, smpte170m, bt2020nc …); always resolved, never "unknown". */
export interface Colour {
  /** gbr where the pixels are RGB or grey. */
  readonly matrix: string;
  readonly primaries: string;
  readonly transfer: string;
  readonly range: "limited" | "full";
  /** Where chroma samples lie that stand for several pixels, in ffmpeg's names. */
  readonly chroma: ChromaPosition;
}

export type ChromaPosition = "left" | "center" | "topleft" | "top" | "bottomleft" | "bottom";

/** SMPTE ST 2086: x and y of CIE 1931 in steps of 0.00002, luminance in steps of 0.0001 cd/m². */
export interface MasteringDisplay {
  readonly red: readonly [number, number];
  readonly green: readonly [number, number];
  readonly blue: readonly [number, number];
  readonly white: readonly [number, number];
  readonly luminance: { readonly max: number; readonly min: number };
}

/** CTA-861.3, in cd/m². */
export interface ContentLight {
  /** Brightest pixel. */
  readonly max: number;
  /** Brightest average of a frame. */
  readonly average: number;
}

export interface StreamInfo {
  readonly index: number;
  readonly type: "video" | "sound" | "subtitle" | "data" | "attachment";
  readonly codec: string;
  /** The container's own four letters for the codec. */
  readonly tag: string | null;
  readonly language: string | null;
  /** What players show or play unless told otherwise. */
  readonly isDefault: boolean;
  /** A cover picture, which is a video stream to ffmpeg. */
  readonly attachedPicture: boolean;
  /** The stream's own entries: title, time code, name of an attachment. */
  readonly metadata: Readonly<Record<string, string>>;
}
