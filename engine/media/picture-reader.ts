import { EngineError } from "../errors.ts";
import type { Frame } from "./frame.ts";
import type { PictureInfo } from "./media-info.ts";
import { type Layout, unpackFrame } from "./pixels.ts";
import { loadSharp, openingOptions, pictureInput } from "./sharp.ts";

export interface Picture {
  /** One frame, or each page or moment of the file, all with time 0. */
  readonly frames: readonly Frame[];
  readonly info: PictureInfo;
}

/**
 * Reads a picture that was probed: upright, in sRGB (profiles and CMYK converted), 16 bits exact, alpha apart.
 * Rejects with `unreadable_media`.
 */
export async function readPicture(path: string, info: PictureInfo): Promise<Picture> {
  try {
    const frames = info.format === "tiff" ? await readPages(path, info) : await readStack(path, info);
    return { frames, info };
  } catch (error) {
    throw new EngineError("unreadable_media", {
      what: `${path} could not be read to its end.`,
      why: `It is cut off or damaged, or was changed since it was submitted (${String(error).split("\n")[0]}).`,
      todo: "Copy or save it again, then submit it anew.",
      facts: { path },
      cause: error,
    });
  }
}

/** The pages of a TIFF may differ in size: one by one. */
async function readPages(path: string, info: PictureInfo): Promise<Frame[]> {
  const frames: Frame[] = [];
  for (let page = 0; page < info.pages; page++) {
    const { packed, layout } = await decode(path, info, { page });
    frames.push({ ...unpackFrame(packed, layout), time: 0n });
  }
  return frames;
}

/** The moments of an animation build on each other and come as one tall picture. */
async function readStack(path: string, info: PictureInfo): Promise<Frame[]> {
  const { packed, layout } = await decode(path, info, { animated: info.pages > 1 });
  const height = layout.height / info.pages;
  const length = packed.length / info.pages;
  return Array.from({ length: info.pages }, (_, page) => {
    const part = packed.slice(page * length, (page + 1) * length);
    return { ...unpackFrame(part, { ...layout, height }), time: 0n };
  });
}

interface Decoded {
  readonly packed: Uint8Array<ArrayBuffer>;
  readonly layout: Layout;
}

async function decode(path: string, info: PictureInfo, part: { page?: number; animated?: boolean }): Promise<Decoded> {
  const sharp = await loadSharp();
  const opened = sharp(await pictureInput(path), { ...openingOptions, ...part });
  const upright = part.animated ? opened : opened.autoOrient();
  // Without both, 16 bits come as 8-bit values in 16-bit cells.
  const wanted = info.depth === 16 ? upright.toColourspace("rgb16").raw({ depth: "ushort" }) : upright.raw();
  const { data, info: got } = await wanted.toBuffer({ resolveWithObject: true });
  const alpha = got.channels % 2 === 0;
  const layout = { width: got.width, height: got.height, depth: info.depth, alpha };
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return {
    packed: got.channels < 3 ? spreadGrey(bytes, info.depth, got.channels) : bytes,
    layout: { ...layout, ...(got.channels === 2 && { alpha: true }) },
  };
}

/** Grey, with or without alpha, as RGB or RGBA. */
function spreadGrey(bytes: Uint8Array<ArrayBuffer>, depth: 8 | 16, channels: number): Uint8Array<ArrayBuffer> {
  const size = depth / 8;
  const count = bytes.length / size / channels;
  const spread = new Uint8Array(count * (channels + 2) * size);
  for (let pixel = 0; pixel < count; pixel++) {
    for (let place = 0; place < channels + 2; place++) {
      const from = (pixel * channels + (place < 3 ? 0 : 1)) * size;
      spread.set(bytes.subarray(from, from + size), (pixel * (channels + 2) + place) * size);
    }
  }
  return spread;
}
