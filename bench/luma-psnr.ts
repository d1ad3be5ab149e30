import assert from "node:assert";
import type { Frame } from "../engine/media/frame.ts";

/**
 * PSNR in dB of the luma of two 8-bit pictures of one size, `border` pixels left out all around. Luma is that of
 * BT.601 in 16–235, computed without rounding from 8-bit RGB as MATLAB's rgb2ycbcr does; the peak is 255. Infinite
 * where they are equal.
 */
export function lumaPsnr(picture: Frame, original: Frame, border: number): number {
  const { width, height } = original;
  assert.equal(`${picture.width}×${picture.height}`, `${width}×${height}`, "both pictures have one size");
  let sum = 0;
  let count = 0;
  for (let y = border; y < height - border; y++) {
    for (let x = border; x < width - border; x++) {
      sum += (lumaAt(picture, x, y) - lumaAt(original, x, y)) ** 2;
      count++;
    }
  }
  return 10 * Math.log10((255 ** 2 * count) / sum);
}

/** 16 … 235; Rec. ITU-R BT.601. */
function lumaAt({ rgb, width }: Frame, x: number, y: number): number {
  const at = (y * width + x) * 3;
  const [red, green, blue] = [rgb[at] ?? 0, rgb[at + 1] ?? 0, rgb[at + 2] ?? 0];
  return 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255;
}
