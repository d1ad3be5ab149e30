import { open } from "node:fs/promises";
import type { Samples } from "./frame.ts";
import { viewBytes } from "./pixels.ts";

export interface VipsPicture {
  readonly width: number;
  /** Of one page; the pages lie under each other. */
  readonly height: number;
  /** 1 grey, 2 grey with alpha, 3 RGB, 4 RGBA. */
  readonly channels: 1 | 2 | 3 | 4;
  readonly depth: 8 | 16;
  /** Each page's packed pixels. */
  readonly pages: readonly Samples[];
  /** What libvips keeps with pixels, under its names: exif-data, icc-profile-data … */
  readonly blobs: Readonly<Record<string, Uint8Array>>;
  readonly numbers: Readonly<Record<string, number>>;
  readonly texts: Readonly<Record<string, string>>;
}

const MAGIC = 0xb6a6f208;
const HEADER_BYTES = 64;
/** libvips' numbers for sample types and colour spaces. */
const sampleTypes = { 8: 0, 16: 2 } as const;
const spaces = { grey: { 8: 1, 16: 26 }, rgb: { 8: 22, 16: 25 } } as const;

/**
 * Writes pixels with blocks of metadata as a file in libvips' own format: the one way to hand both to sharp, which takes
 * metadata only from files and raw pixels only without. Layout as libvips 8.18 writes it (iofuncs/vips.c): a header of
 * 64 bytes, pixels, then the metadata as XML; all in the machine's byte order, which is little-endian wherever we run.
 */
export async function writeVipsFile(path: string, picture: VipsPicture): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.write(header(picture));
    for (const page of picture.pages) await writeAll(file, viewBytes(page));
    await file.write(trailer(picture));
  } finally {
    await file.close();
  }
}

function header({ width, height, pages, channels, depth }: VipsPicture): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  const space = spaces[channels < 3 ? "grey" : "rgb"][depth];
  bytes.writeUInt32BE(MAGIC, 0);
  const numbers = [width, height * pages.length, channels, depth, sampleTypes[depth], 0, space];
  numbers.forEach((number, index) => bytes.writeUInt32LE(number, 4 + index * 4));
  // Pixels a millimetre: 1 is libvips' "not known".
  bytes.writeFloatLE(1, 32);
  bytes.writeFloatLE(1, 36);
  return bytes;
}

/** A single write takes less than 2 GB. */
async function writeAll(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array): Promise<void> {
  const most = 2 ** 30;
  for (let at = 0; at < bytes.length; at += most) await file.writeFile(bytes.subarray(at, at + most));
}

function trailer({ height, pages, blobs, numbers, texts }: VipsPicture): string {
  const field = (type: string, name: string, value: string) =>
    `    <field type="${type}" name="${escapeXml(name)}">${escapeXml(value)}</field>\n`;
  const stacked = pages.length > 1 && { "page-height": height, "n-pages": pages.length };
  const fields = [
    ...Object.entries(blobs).map(([name, bytes]) => field("VipsBlob", name, Buffer.from(bytes).toString("base64"))),
    ...Object.entries({ ...numbers, ...stacked }).map(([name, number]) => field("gint", name, String(number))),
    ...Object.entries(texts).map(([name, text]) => field("VipsRefString", name, text)),
  ];
  return `<?xml version="1.0"?>
<root xmlns="http://www.vips.ecs.soton.ac.uk/vips/8.18.7">
  <header>
    <field type="VipsRefString" name="Hist"></field>
  </header>
  <meta>
${fields.join("")}  </meta>
</root>
`;
}

/** Without what XML cannot hold at all. */
function escapeXml(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
