/** What is asked of an ICC profile (ICC.1:2022, sections 7.2, 7.3, 10.14, 10.15). */
export interface IccProfile {
  /** Of the numbers it gives a meaning to: "RGB", "GRAY", "CMYK", "Lab" … */
  readonly space: string;
  /** Its name, e.g. Display P3; "" where it has none. */
  readonly name: string;
}

const HEADER_BYTES = 128;
const TAG_BYTES = 12;
/** More tags than any profile has. */
const MOST_TAGS = 200;

/** The facts of a profile; null where the bytes are no whole profile. */
export function parseIcc(bytes: Buffer): IccProfile | null {
  const whole = bytes.length >= HEADER_BYTES + 4 && bytes.length >= bytes.readUInt32BE(0);
  if (!whole || bytes.toString("latin1", 36, 40) !== "acsp") return null;
  return { space: bytes.toString("latin1", 16, 20).trim(), name: profileName(bytes) };
}

/** Whether numbers under such a profile are sRGB's. */
export function isSrgb({ space, name }: IccProfile): boolean {
  // "c2" and "sRGB" are what camera makers' compact profiles call it.
  return space === "RGB" && (/srgb/i.test(name) || /^c2(ci)?$/.test(name));
}

function profileName(bytes: Buffer): string {
  const count = Math.min(bytes.readUInt32BE(HEADER_BYTES), MOST_TAGS);
  for (let tag = 0; tag < count; tag++) {
    const at = HEADER_BYTES + 4 + tag * TAG_BYTES;
    if (at + TAG_BYTES > bytes.length) break;
    if (bytes.toString("latin1", at, at + 4) !== "desc") continue;
    const start = bytes.readUInt32BE(at + 4);
    return textOf(bytes.subarray(start, start + bytes.readUInt32BE(at + 8)));
  }
  return "";
}

/** The text of a description: of version 2 ("desc", one text in ASCII) or 4 ("mluc", UTF-16 in several languages). */
function textOf(block: Buffer): string {
  if (block.length < 28) return "";
  const type = block.toString("latin1", 0, 4);
  const [length, start] =
    type === "mluc" ? [block.readUInt32BE(20), block.readUInt32BE(24)] : [block.readUInt32BE(8), 12];
  const text = block.subarray(start, start + length);
  if (type !== "mluc") return clean(text.toString("latin1"));
  return clean(
    Buffer.from(text.subarray(0, text.length & ~1))
      .swap16()
      .toString("utf16le"),
  );
}

function clean(text: string): string {
  return text.replace(/[\u0000-\u001f]/g, "").trim();
}
