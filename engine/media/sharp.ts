import type { Sharp, SharpInput, SharpOptions } from "sharp";
import { readFile } from "node:fs/promises";

/** Pixels of a picture at most, in and out. */
export const maxPicturePixels = 268_435_456;

type SharpFactory = (input?: SharpInput, options?: SharpOptions) => Sharp;

let loaded: Promise<SharpFactory> | null = null;

/** sharp, loaded when first needed (it takes a while), with the readers shut that could open other files. */
export function loadSharp(): Promise<SharpFactory> {
  loaded ??= import("sharp").then(({ default: sharp }) => {
    sharp.block({ operation: ["VipsForeignLoadSvg", "VipsForeignLoadPdf", "VipsForeignLoadMagick"] });
    // Pictures come once each: what libvips would keep of them is memory the networks need.
    sharp.cache(false);
    return sharp;
  });
  return loaded;
}

/** A file as sharp takes it: by name, except where libvips would read options out of the name. */
export async function pictureInput(path: string): Promise<string | Buffer> {
  return path.endsWith("]") ? readFile(path) : path;
}

/** How pictures are opened: truncated or broken ones fail instead of coming out half grey. */
export const openingOptions = { failOn: "error", limitInputPixels: maxPicturePixels } as const;
