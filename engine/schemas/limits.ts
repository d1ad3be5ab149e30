/** What parameters may be. Written once; schemas, error texts and documents are made from these. */

export const resolutionLimits = { min: 16, max: 16384 } as const;
export const seedLimits = { min: 0, max: 4294967295 } as const;
/** Frames run together; 4n + 1 because the autoencoder packs one frame, then four at a time. */
export const batchLimits = { min: 1, max: 1001 } as const;
/** No longer than a batch; one that is no shorter counts as none. */
export const overlapLimits = { min: 0, max: 1000 } as const;
export const prependLimits = { min: 0, max: 100 } as const;
/** Pixels a side of a cell of the autoencoder's latent. */
export const tileCell = 8;
/** Pixels a side of an autoencoder tile, and what neighbours share; multiples of a cell. */
export const tileLimits = { min: 128, max: 4096 } as const;
export const tileOverlapLimits = { min: 0, max: 2048 } as const;
export const scaleLimits = { min: 0.01, max: 64 } as const;
export const timeoutLimits = { min: 0, max: 86400 } as const;
export const historyLimits = { min: 1, max: 1000 } as const;
/** Pixels of a picture, in and out. */
export const maxPicturePixels = 268_435_456;
/** Pixels a side of a clip's result. */
export const maxClipSide = 8192;
