import { open, stat } from "node:fs/promises";
import sharp from "sharp";
import { expect, it, vi } from "vitest";
import { writePicture } from "../../engine/media/picture-writer.ts";
import { temporaryFolder } from "./media-files.ts";

/** A disk that gives back other bytes than it was given, in the middle of the pixels. */
vi.mock("../../engine/media/tiff-exif.ts", async (original) => ({
  ...(await original<object>()),
  addExifToTiff: async (path: string) => {
    const { size } = await stat(path);
    const file = await open(path, "r+");
    await file.write(Buffer.alloc(Math.floor(size / 4), 0xff), 0, undefined, Math.floor(size / 3));
    await file.close();
  },
}));

const file = temporaryFolder();
const side = 128;
const rgb = Uint8Array.from({ length: side * side * 3 }, (_, index) => ((index * 2654435761) >>> 13) & 255);
const frame = { width: side, height: side, depth: 8, rgb, time: 0n } as const;

it("a written picture whose header is well and whose pixels are not is no result", async () => {
  const made = await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } })
    .withExif({ IFD0: { Artist: "Ann" } })
    .jpeg()
    .toBuffer();
  const { exif } = await sharp(made).metadata();
  const carried = { exif: exif as Buffer };
  const written = writePicture(file("a.tiff"), [frame], { format: "tiff", workDir: file(""), carried });
  await expect(written).rejects.toMatchObject({ code: "internal" });
  expect(await sharp(file("a.tiff")).metadata()).toMatchObject({ width: side, height: side });
});
