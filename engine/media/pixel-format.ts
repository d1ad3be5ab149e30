/** What an ffmpeg pixel format's name says about it. */
export interface PixelFormat {
  readonly depth: 8 | 16;
  readonly alpha: boolean;
  readonly family: "rgb" | "grey" | "yuv";
  /** Luma samples a chroma sample, across and down; 1 where chroma is not reduced. */
  readonly chroma: { readonly across: 1 | 2 | 4; readonly down: 1 | 2 | 4 };
}

/** Reads a pixel format's name (ffmpeg -pix_fmts lists them all); depth is 16 for anything over 8 bits a channel. */
export function pixelFormatOf(name: string): PixelFormat {
  return {
    depth: isDeep(name) ? 16 : 8,
    alpha: /^(yuva|gbrap|rgba|bgra|argb|abgr|ya\d|ayuv|vuya)/.test(name),
    family: familyOf(name),
    chroma: chromaOf(name),
  };
}

function isDeep(name: string): boolean {
  // The numbers of these count bits a pixel, not a channel.
  if (/^nv(12|16)$/.test(name)) return false;
  return /(9|10|12|14|16|20|30|32|36|48|64|96)(le|be)?$/.test(name);
}

function familyOf(name: string): PixelFormat["family"] {
  if (/^(gbr|rgb|bgr|argb|abgr|0rgb|0bgr|x2rgb|x2bgr|pal8|bayer)/.test(name)) return "rgb";
  return /^(gray|mono|ya\d)/.test(name) ? "grey" : "yuv";
}

function chromaOf(name: string): PixelFormat["chroma"] {
  if (/420|^nv(12|21)|^p01/.test(name)) return { across: 2, down: 2 };
  if (/422|^nv(16|20)|^p21|^y21/.test(name)) return { across: 2, down: 1 };
  if (/411/.test(name)) return { across: 4, down: 1 };
  if (/410/.test(name)) return { across: 4, down: 4 };
  return /440/.test(name) ? { across: 1, down: 2 } : { across: 1, down: 1 };
}
