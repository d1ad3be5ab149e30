import { hsv, hueSaturationValue } from "./hsv.ts";
import type { Planes } from "./planes.ts";
import { wavelet } from "./wavelet.ts";

/** Slope and middle of the blend in surplus saturation, and the least surplus of the wavelet result. */
const SLOPE = 5;
const MIDDLE = 0.15;
const LEAST_SURPLUS = 0.075;

/** `wavelet`, but towards `hsv` where the content is more saturated than the style (seedvr2-pipeline.md section 6). */
export function waveletAdaptive(content: Planes, style: Planes): Planes {
  return pulledDown({ content, style, plain: wavelet(content, style), restrained: hsv(content, style) });
}

/** The blend of `plain` (wavelet) and `restrained` (hsv) by saturation. */
export function pulledDown(pictures: { content: Planes; style: Planes; plain: Planes; restrained: Planes }): Planes {
  const { content, style, plain, restrained } = pictures;
  const saturation = (planes: Planes) => hueSaturationValue(planes).second;
  const [own, wanted, reached] = [saturation(content), saturation(style), saturation(plain)];
  const area = content.height * content.width;
  const data = new Float32Array(content.data.length);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / (content.channels * area)) * area + (i % area);
    const aim = wanted[pixel] as number;
    const oversaturated = (reached[pixel] as number) - aim > LEAST_SURPLUS;
    const weight = oversaturated ? 1 / (1 + Math.exp(-SLOPE * ((own[pixel] as number) - aim - MIDDLE))) : 0;
    data[i] = (1 - weight) * (plain.data[i] as number) + weight * (restrained.data[i] as number);
  }
  return { ...content, data };
}
