const EXIF_FOLDER = 0x8769;

/** The entries of an EXIF block (TIFF's layout) by tag, those of its Exif folder too: texts, whole numbers, quotients. */
export function exifEntries(block: Buffer): Record<number, string | number> {
  const bytes = block.subarray(block.toString("latin1", 0, 4) === "Exif" ? 6 : 0);
  const little = bytes.toString("latin1", 0, 2) === "II";
  const short = (at: number) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const long = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const entries: Record<number, string | number> = {};
  const read = (folder: number): void => {
    for (let at = folder + 2; at < folder + 2 + short(folder) * 12; at += 12) {
      const [tag, type, count] = [short(at), short(at + 2), long(at + 4)];
      const place = type === 5 || count > 4 ? long(at + 8) : at + 8;
      if (type === 2) entries[tag] = bytes.toString("latin1", place, place + count).replace(/\0.*$/s, "");
      if (type === 3) entries[tag] = short(place);
      if (type === 4) entries[tag] = long(place);
      if (type === 5) entries[tag] = long(place) / long(place + 4);
      if (tag === EXIF_FOLDER) read(long(place));
    }
  };
  read(long(4));
  return entries;
}
