import type { ContentLight, MasteringDisplay } from "./media-info.ts";

/** Kinds of NAL units and SEI messages (ITU-T H.265, tables 7-1 and D.1). */
const seiUnit = 39;
const masteringMessage = 137;
const lightMessage = 144;

/**
 * The mastering display and content light level in an HEVC stream with start codes (ITU-T H.265, D.2.28 and D.2.35);
 * null where there is none.
 */
export function readHevcMessages(stream: Uint8Array): {
  mastering: MasteringDisplay | null;
  light: ContentLight | null;
} {
  let mastering: MasteringDisplay | null = null;
  let light: ContentLight | null = null;
  for (const unit of unitsOf(stream)) {
    if (((unit[0] ?? 0) >> 1) % 64 !== seiUnit) continue;
    for (const { type, payload } of messagesOf(unescaped(unit.subarray(2)))) {
      if (type === masteringMessage && payload.byteLength >= 24) mastering ??= masteringOf(payload);
      if (type === lightMessage && payload.byteLength >= 4) light ??= lightOf(payload);
    }
  }
  return { mastering, light };
}

function* unitsOf(stream: Uint8Array): Generator<Uint8Array> {
  const bytes = Buffer.from(stream.buffer, stream.byteOffset, stream.byteLength);
  const mark = Buffer.from([0, 0, 1]);
  for (let start = bytes.indexOf(mark); start >= 0;) {
    const next = bytes.indexOf(mark, start + 3);
    yield bytes.subarray(start + 3, next < 0 ? bytes.length : next);
    start = next;
  }
}

/** Without the bytes that keep start codes from appearing by chance. */
function unescaped(unit: Uint8Array): Uint8Array {
  return unit.filter((byte, index) => !(byte === 3 && index > 1 && unit[index - 1] === 0 && unit[index - 2] === 0));
}

function* messagesOf(bytes: Uint8Array): Generator<{ type: number; payload: DataView }> {
  let place = 0;
  const number = () => {
    let value = 0;
    while (bytes[place] === 255) value += bytes[place++] ?? 0;
    return value + (bytes[place++] ?? 0);
  };
  // The last byte is the end mark of the unit.
  while (place + 2 < bytes.length) {
    const type = number();
    const size = number();
    yield { type, payload: new DataView(bytes.buffer, bytes.byteOffset + place, Math.min(size, bytes.length - place)) };
    place += size;
  }
}

/** Green, blue, red, white; then the brightest and the darkest the screen can show. */
function masteringOf(payload: DataView): MasteringDisplay {
  const point = (index: number) => [payload.getUint16(index * 4), payload.getUint16(index * 4 + 2)] as const;
  return {
    ...{ red: point(2), green: point(0), blue: point(1), white: point(3) },
    luminance: { max: payload.getUint32(16), min: payload.getUint32(20) },
  };
}

function lightOf(payload: DataView): ContentLight {
  return { max: payload.getUint16(0), average: payload.getUint16(2) };
}
