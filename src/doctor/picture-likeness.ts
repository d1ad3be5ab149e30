import { loadSharp, openingOptions, pictureInput } from "../../engine/media/sharp.ts";

/** How a result compares with what it was made of. */
export interface Likeness {
  /** Of the result, reduced to the input's size, from the input: PSNR over red, green and blue of 8 bits. */
  readonly decibels: number;
  /** Standard deviation of the result's values, 0 … 255: near 0 where it is of one colour. */
  readonly deviation: number;
}

/** Compares two picture files; the second may be larger. */
export async function likeness(input: string, result: string): Promise<Likeness> {
  const sharp = await loadSharp();
  const pixels = async (path: string, size?: { width: number; height: number }) => {
    const picture = sharp(await pictureInput(path), openingOptions)
      .toColourspace("srgb")
      .removeAlpha();
    const sized = size ? picture.resize({ ...size, fit: "fill", kernel: "lanczos3" }) : picture;
    return sized.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  };
  const { data: before, info } = await pixels(input);
  const { data: after } = await pixels(result, { width: info.width, height: info.height });
  const { data: made } = await pixels(result);
  return { decibels: psnr(before, after), deviation: deviation(made) };
}

/** Infinite where both are equal. */
function psnr(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return 10 * Math.log10((255 ** 2 * a.length) / sum);
}

function deviation(values: Uint8Array): number {
  let [sum, squares] = [0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  return Math.sqrt(Math.max(0, squares / values.length - mean * mean));
}
