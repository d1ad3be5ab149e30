import type { Metadata } from "sharp";
import { type IccProfile, isSrgb, parseIcc } from "./icc-profile.ts";
import { loadSharp } from "./sharp.ts";

/** How a picture's numbers become the RGB that frames have, and what the result is to be tagged with. */
export interface ColourReading {
  /** The numbers are taken as stored, instead of converting them by the file's profile. */
  readonly asStored: boolean;
  /** Profile of the numbers as read; none means sRGB, as untagged pictures are shown. */
  readonly icc?: Buffer;
  /** What was converted or ignored. */
  readonly notes: readonly string[];
}

/** Colour spaces whose numbers are RGB or grey already. */
const plain = ["srgb", "rgb", "rgb16", "b-w", "grey16"];

/**
 * Decides how colours are read. Numbers of sRGB profiles and of grey pictures stay as they are and keep their profile;
 * others, CMYK too, are converted to sRGB, which the networks know, and the result is tagged so.
 */
export async function colourReading(metadata: Metadata): Promise<ColourReading> {
  const { space, icc } = metadata;
  if (!icc) return { asStored: space !== "cmyk", notes: withoutProfile(space) };
  const profile = parseIcc(icc);
  const grey = isGrey(metadata);
  if (!profile || !fits(profile, space)) {
    const notes = ["The source's colour profile is damaged or belongs to other colours, and was ignored."];
    return { asStored: space !== "cmyk", notes: [...notes, ...withoutProfile(space)] };
  }
  if (grey ? profile.space === "GRAY" : isSrgb(profile)) return { asStored: true, icc, notes: [] };
  if (grey) return { asStored: true, notes: isSrgb(profile) ? [] : [`The grey source's profile was dropped.`] };
  const from = [space === "cmyk" && "CMYK", profile.name.slice(0, 60)].filter(Boolean).join(", ");
  const lost = space === "cmyk" ? "" : ", and colours outside of it were clipped";
  const what = from ? `The source's colours (${from})` : "The source's colours";
  return {
    asStored: false,
    icc: await srgbProfile(),
    notes: [`${what} were converted to sRGB${lost}; the result is tagged sRGB.`],
  };
}

/** Whether a picture has one channel of colour. */
export function isGrey({ space }: Metadata): boolean {
  return space === "b-w" || space === "grey16";
}

function withoutProfile(space: string): string[] {
  if (space === "cmyk") return ["The source is CMYK: it was converted to sRGB by a usual profile."];
  return plain.includes(space) ? [] : [`The source's colours (${space}) were converted to sRGB.`];
}

/** A profile of another kind of colours says nothing about these; RGB profiles of grey pictures are usual. */
function fits(profile: IccProfile, space: string): boolean {
  if (space === "cmyk") return profile.space === "CMYK";
  return profile.space === "RGB" || (profile.space === "GRAY" && (space === "b-w" || space === "grey16"));
}

/** The sRGB profile that comes with libvips. */
async function srgbProfile(): Promise<Buffer> {
  const sharp = await loadSharp();
  const raw = { width: 1, height: 1, channels: 3 } as const;
  const tagged = await sharp(new Uint8Array(3), { raw }).withIccProfile("srgb").png().toBuffer();
  const { icc } = await sharp(tagged).metadata();
  return icc as Buffer;
}
