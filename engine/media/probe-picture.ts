import type { Metadata } from "sharp";
import { EngineError } from "../errors.ts";
import type { PictureFormat, PictureInfo } from "./media-info.ts";
import { isGrey } from "./picture-colour.ts";
import { loadSharp, maxPicturePixels, openingOptions, pictureInput } from "./sharp.ts";

/** Larger pictures are not decoded at probing, which would take seconds. */
const decodedPixels = 40_000_000;

/** Probes a picture; decodes it where it is of usual size. Rejects with `unreadable_media` or `too_large`. */
export async function probePicture(path: string, format: PictureFormat): Promise<PictureInfo> {
  const sharp = await loadSharp();
  const input = await pictureInput(path);
  try {
    // The limit would also stop reading the size that the refusal below has to name.
    const unlimited = { ...openingOptions, limitInputPixels: false } as const;
    const metadata = await sharp(input, unlimited).metadata();
    const count = pageCount(metadata, format);
    const pages = [metadata];
    for (let page = 1; format === "tiff" && page < count; page++) {
      pages.push(await sharp(input, { ...unlimited, page }).metadata());
    }
    const pixels = pages.length === count ? sum(pages.map(area)) : area(metadata) * count;
    if (pixels > maxPicturePixels) throw tooLarge(path, metadata, count);
    for (const { depth } of pages) if (depth !== "uchar" && depth !== "ushort") throw unusualNumbers(path, depth);
    if (pixels <= decodedPixels) {
      for (const page of pages.keys()) {
        const part = pages.length > 1 ? { page } : { animated: count > 1 };
        // Shrinking is the cheapest way to have every pixel decoded without keeping them.
        const opened = sharp(input, { ...openingOptions, ...part });
        await opened.resize(8, 8, { fit: "fill", fastShrinkOnLoad: false }).raw().toBuffer();
      }
    }
    return pictureInfo(pages, count, format);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError("unreadable_media", {
      what: `${path} cannot be enlarged.`,
      why: `It begins as a ${format.toUpperCase()} picture but is cut off, damaged or of an unusual kind (${firstLine(error)}).`,
      todo: "Check whether it opens elsewhere; copy, download or save it again.",
      facts: { path, format },
      cause: error,
    });
  }
}

const area = ({ width, height }: Metadata) => width * height;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** An AVIF's further pictures are thumbnails, masks and the like. */
function pageCount({ pages = 1 }: Metadata, format: PictureFormat): number {
  return format === "avif" ? 1 : pages;
}

/** `pages`: the metadata of each page of a TIFF, else of the whole. What one page needs, all get. */
function pictureInfo(pages: readonly Metadata[], count: number, format: PictureFormat): PictureInfo {
  const [first] = pages as [Metadata];
  const moving = count > 1 && format !== "tiff";
  const sizes = pages.map(({ autoOrient }) => ({ width: autoOrient.width, height: autoOrient.height }));
  const { width, height } = first.autoOrient;
  const differ = sizes.some((size) => size.width !== width || size.height !== height);
  return {
    ...{ kind: "picture", format, width, height },
    depth: pages.every(({ depth }) => depth === "uchar") ? 8 : 16,
    alpha: pages.some(({ hasAlpha }) => hasAlpha),
    grey: pages.every(isGrey),
    pages: count,
    // The moments of an animation with a turn in EXIF cannot be turned together.
    stacked: moving && (first.orientation ?? 1) === 1,
    ...(differ && { pageSizes: sizes }),
    ...(moving && first.delay && { delays: first.delay }),
    ...(moving && first.loop !== undefined && { loop: first.loop }),
  };
}

function unusualNumbers(path: string, depth: string): EngineError {
  return new EngineError("unreadable_media", {
    what: `${path} cannot be enlarged.`,
    why: `Its pixels are of an unusual kind (${depth}), whose range from black to white is not known.`,
    todo: "Save it with 8 or 16 bits a channel and give that.",
    facts: { path, depth },
  });
}

function tooLarge(path: string, size: { width: number; height: number }, pages: number): EngineError {
  const { width, height } = size;
  return new EngineError("too_large", {
    what: `${path} has ${width}×${height} pixels${pages > 1 ? ` on ${pages} pages` : ""}.`,
    why: `A picture may have ${Math.floor(maxPicturePixels / 1e6)} megapixels.`,
    todo: "Make it smaller or cut it into parts.",
    facts: { path, width, height, pages, maxPicturePixels },
  });
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n")[0] ?? "").trim().slice(0, 200);
}
