/** What an ffmpeg pixel format's name says about it. */
export interface PixelFormat {
  readonly depth: 8 | 16;
  /** Bits a channel, at most 16. */
  readonly bits: number;
  readonly alpha: boolean;
  readonly family: "rgb" | "grey" | "yuv";
  /** Luma samples a chroma sample, across and down; 1 where chroma is not reduced. */
  readonly chroma: { readonly across: 1 | 2 | 4; readonly down: 1 | 2 | 4 };
}

/** Reads a pixel format's name (ffmpeg -pix_fmts lists them all); depth is 16 for anything over 8 bits a channel. */
export function pixelFormatOf(name: string): PixelFormat {
  const bits = bitsOf(name);
  return {
    depth: bits > 8 ? 16 : 8,
    bits,
    alpha: /^(yuva|gbrap|rgba|bgra|argb|abgr|ya\d|ayuv|vuya)/.test(name),
    family: familyOf(name),
    chroma: chromaOf(name),
  };
}

function bitsOf(name: string): number {
  // The numbers of these count bits a pixel, not a channel.
  if (/^nv(12|16)$/.test(name)) return 8;
  if (/^x2(rgb|bgr)10/.test(name)) return 10;
  const bits = Number(/(9|10|12|14|16|20|30|32|36|48|64|96)(le|be)?$/.exec(name)?.[1] ?? 8);
  if (/^(nv20|p2?10|y210)/.test(name)) return 10;
  // Packed formats name the bits of a pixel, floating-point ones have more than we keep.
  return bits > 16 ? 16 : bits;
}

function familyOf(name: string): PixelFormat["family"] {
  if (/^(gbr|rgb|bgr|argb|abgr|0rgb|0bgr|x2rgb|x2bgr|pal8|bayer|xyz)/.test(name)) return "rgb";
  return /^(gray|mono|ya\d)/.test(name) ? "grey" : "yuv";
}

function chromaOf(name: string): PixelFormat["chroma"] {
  if (/420|^nv(12|21)|^p01/.test(name)) return { across: 2, down: 2 };
  if (/422|^nv(16|20)|^p21|^y21/.test(name)) return { across: 2, down: 1 };
  if (/411/.test(name)) return { across: 4, down: 1 };
  if (/^yuv410/.test(name)) return { across: 4, down: 4 };
  return /440/.test(name) ? { across: 1, down: 2 } : { across: 1, down: 1 };
}
