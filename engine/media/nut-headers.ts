import type { TimeBase } from "./frame.ts";
import type { Ratio } from "./media-info.ts";
import { NutDamage, type NutFields } from "./nut-fields.ts";
import { frameFlags } from "./nut-format.ts";

/** What a frame code (the first byte of a frame) stands for unless the frame says otherwise. */
export interface FrameCode {
  readonly flags: number;
  readonly timeStep: number;
  readonly sizeFactor: number;
  readonly sizeLow: number;
  readonly stream: number;
  readonly reserved: number;
  readonly header: number;
}

export interface NutMain {
  readonly timeBases: readonly TimeBase[];
  readonly codes: readonly FrameCode[];
  /** Bytes many frames begin with, left out of each. */
  readonly headers: readonly Uint8Array[];
}

export interface NutStream {
  readonly id: number;
  readonly timeBase: TimeBase;
  readonly timeShift: number;
  /** Frames a decoder holds back to put them in order. */
  readonly decodeDelay: number;
  readonly fourCharacterCode: Uint8Array;
  readonly codecData: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly sampleAspect: Ratio;
}

/** Reads a main header (NUT specification, "main header"). */
export function readMain(fields: NutFields): NutMain {
  const version = fields.number();
  if (version > 3) fields.number();
  fields.number(); // how many streams
  fields.number(); // longest distance between sync points
  const timeBases = times(fields.number(), () => ({ num: fields.number(), den: fields.number() }));
  const codes = readCodes(fields);
  const headers = [new Uint8Array(0), ...times(fields.number(), () => fields.data())];
  return { timeBases, codes, headers };
}

/** Reads a stream header (NUT specification, "stream header"); only video has width and height. */
export function readStream(fields: NutFields, main: NutMain): NutStream {
  const id = fields.number();
  const isVideo = fields.number() === 0;
  const fourCharacterCode = fields.data();
  const timeBase = main.timeBases[fields.number()];
  if (!timeBase) throw new NutDamage("a stream has no time base");
  const timeShift = fields.number();
  fields.number(); // longest distance of times
  const decodeDelay = fields.number();
  fields.number(); // flags
  const codecData = fields.data();
  const [width, height, num, den] = isVideo ? times(4, () => fields.number()) : [];
  return {
    id,
    timeBase,
    timeShift,
    decodeDelay,
    fourCharacterCode,
    codecData,
    width: width ?? 0,
    height: height ?? 0,
    sampleAspect: num && den ? { num, den } : { num: 1, den: 1 },
  };
}

function times<T>(count: number, make: () => T): T[] {
  if (count > 4096) throw new NutDamage("a count is too large");
  return Array.from({ length: count }, make);
}

/** The letter N begins packets and is no frame code. */
const packetMark = 0x4e;

function readCodes(fields: NutFields): FrameCode[] {
  const codes: FrameCode[] = [];
  let timeStep = 0;
  let sizeFactor = 1;
  let stream = 0;
  let header = 0;
  while (codes.length < 256) {
    const flags = fields.number();
    const count = fields.number();
    // Fields that are not written keep the value of the entry before, or begin anew: both as the format has it.
    if (count > 0) timeStep = fields.signed();
    if (count > 1) sizeFactor = fields.number();
    if (count > 2) stream = fields.number();
    const sizeLow = count > 3 ? fields.number() : 0;
    const reserved = count > 4 ? fields.number() : 0;
    const repeats = count > 5 ? fields.number() : sizeFactor - sizeLow;
    if (count > 6) fields.signed();
    if (count > 7) header = fields.number();
    for (let extra = 8; extra < count; extra++) fields.number();
    const entry = { flags, timeStep, sizeFactor, stream, reserved, header };
    addCodes(codes, entry, { sizeLow, repeats });
  }
  return codes;
}

function addCodes(
  codes: FrameCode[],
  entry: Omit<FrameCode, "sizeLow">,
  sizes: { sizeLow: number; repeats: number },
): void {
  if (sizes.repeats <= 0) throw new NutDamage("a frame code stands for nothing");
  for (let index = 0; index < sizes.repeats && codes.length < 256; index++) {
    if (codes.length === packetMark) codes.push({ ...entry, sizeLow: 0, flags: frameFlags.invalid });
    if (codes.length < 256) codes.push({ ...entry, sizeLow: sizes.sizeLow + index });
  }
}
