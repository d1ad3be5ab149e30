export const writtenFormats = ["png", "jpg", "jpeg", "webp", "avif", "tif", "tiff", "gif"] as const;
/** A picture's format as its extension. */
export type WrittenFormat = (typeof writtenFormats)[number];

/** What a format, as it is written here, can hold. */
export interface FormatTraits {
  readonly name: string;
  /** Bits a channel at most. */
  readonly bits: 8 | 12 | 16;
  readonly alpha: boolean;
  readonly grey: boolean;
  /** More than one page, or moments of an animation. */
  readonly pages: boolean;
  readonly animated: boolean;
  readonly lossy: boolean;
  /** Pixels a side at most. */
  readonly maxSide: number;
}

const png: FormatTraits = {
  ...{ name: "PNG", bits: 16, alpha: true, grey: true, pages: false, animated: false, lossy: false },
  maxSide: 2_147_483_647,
};
const jpeg: FormatTraits = {
  ...{ name: "JPEG", bits: 8, alpha: false, grey: true, pages: false, animated: false, lossy: true },
  maxSide: 65_500,
};
const webp: FormatTraits = {
  ...{ name: "WebP", bits: 8, alpha: true, grey: false, pages: true, animated: true, lossy: true },
  maxSide: 16_383,
};
const avif: FormatTraits = {
  ...{ name: "AVIF", bits: 12, alpha: true, grey: false, pages: false, animated: false, lossy: true },
  maxSide: 16_384,
};
const tiff: FormatTraits = {
  ...{ name: "TIFF", bits: 16, alpha: true, grey: true, pages: true, animated: false, lossy: false },
  maxSide: 2_147_483_647,
};
const gif: FormatTraits = {
  ...{ name: "GIF", bits: 8, alpha: true, grey: false, pages: true, animated: true, lossy: false },
  maxSide: 65_535,
};

export const formatTraits: Readonly<Record<WrittenFormat, FormatTraits>> = {
  ...{ png, jpg: jpeg, jpeg, webp, avif, tif: tiff, tiff, gif },
};
