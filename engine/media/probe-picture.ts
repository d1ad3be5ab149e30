import type { Metadata } from "sharp";
import { EngineError } from "../errors.ts";
import type { PictureFormat, PictureInfo } from "./media-info.ts";
import { loadSharp, maxPicturePixels, openingOptions, pictureInput } from "./sharp.ts";

/** Larger pictures are not decoded at probing, which would take seconds. */
const decodedPixels = 40_000_000;

/** Probes a picture; decodes it where it is of usual size. Rejects with `unreadable_media` or `too_large`. */
export async function probePicture(path: string, format: PictureFormat): Promise<PictureInfo> {
  const sharp = await loadSharp();
  const input = await pictureInput(path);
  try {
    // The limit would also stop reading the size that the refusal below has to name.
    const metadata = await sharp(input, { ...openingOptions, limitInputPixels: false }).metadata();
    const pages = metadata.pages ?? 1;
    const pixels = metadata.width * metadata.height * pages;
    if (pixels > maxPicturePixels) throw tooLarge(path, metadata, pages);
    if (pixels <= decodedPixels) {
      const opened = sharp(input, { ...openingOptions, animated: pages > 1 && format !== "tiff" });
      // Shrinking is the cheapest way to have every pixel decoded without keeping them.
      await opened.resize(8, 8, { fit: "fill", fastShrinkOnLoad: false }).raw().toBuffer();
    }
    return pictureInfo(metadata, format);
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

function pictureInfo(metadata: Metadata, format: PictureFormat): PictureInfo {
  const pages = metadata.pages ?? 1;
  const moving = pages > 1 && (format === "gif" || format === "webp");
  return {
    kind: "picture",
    format,
    width: metadata.autoOrient.width,
    height: metadata.autoOrient.height,
    depth: metadata.depth === "uchar" ? 8 : 16,
    alpha: metadata.hasAlpha,
    grey: metadata.space === "b-w" || metadata.space === "grey16",
    pages,
    ...(moving && metadata.delay && { delays: metadata.delay }),
    ...(moving && metadata.loop !== undefined && { loop: metadata.loop }),
  };
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
