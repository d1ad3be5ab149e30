import { emptyTriple, labFromRgb, rgbFromLab, type Triple } from "./cielab.ts";
import type { Planes } from "./planes.ts";
import { rankMatched, type RankMatch } from "./rank-match.ts";
import { wavelet } from "./wavelet.ts";

/** Share of its own lightness that the content keeps. */
const OWN_LIGHTNESS = 0.8;

/**
 * `wavelet`, then in CIELAB: a and b take the style's distribution by rank, lightness a fifth of it, over all frames
 * together (seedvr2-pipeline.md section 6).
 */
export function lab(content: Planes, style: Planes, match: RankMatch = rankMatched): Planes {
  const own = labFromRgb(triple(wavelet(content, style)));
  const wanted = labFromRgb(triple(style));
  const lightness = match(own.first, wanted.first);
  for (let i = 0; i < lightness.length; i++) {
    lightness[i] = OWN_LIGHTNESS * (own.first[i] as number) + (1 - OWN_LIGHTNESS) * (lightness[i] as number);
  }
  const second = match(own.second, wanted.second);
  const third = match(own.third, wanted.third);
  return planesOf(rgbFromLab({ first: lightness, second, third }), content);
}

/** The three channels of all frames, each in one array. */
export function triple(planes: Planes): Triple {
  const area = planes.height * planes.width;
  const channels = emptyTriple(planes.frames * area);
  [channels.first, channels.second, channels.third].forEach((channel, c) => {
    for (let frame = 0; frame < planes.frames; frame++) {
      const from = (frame * planes.channels + c) * area;
      channel.set(planes.data.subarray(from, from + area), frame * area);
    }
  });
  return channels;
}

/** The inverse of `triple`, in the shape of `like`. */
export function planesOf({ first, second, third }: Triple, like: Planes): Planes {
  const area = like.height * like.width;
  const data = new Float32Array(like.data.length);
  [first, second, third].forEach((channel, c) => {
    for (let frame = 0; frame < like.frames; frame++) {
      data.set(channel.subarray(frame * area, (frame + 1) * area), (frame * like.channels + c) * area);
    }
  });
  return { ...like, data };
}
