/**
 * Constants of the NUT container, version 3 ("NUT Open Container Format"): the simplest one ffmpeg reads and writes
 * through a pipe that keeps a rational time base and every frame's exact time. Version 4, of which ffmpeg says that it is
 * not settled, differs for us in one number of the main header and in what may stand in front of a frame.
 */

export const fileStart = "nut/multimedia container\0";

/** First eight bytes of each kind of packet. */
export const startCodes = {
  main: 0x4e4d7a561f5f04adn,
  stream: 0x4e5311405bf2f9dbn,
  syncPoint: 0x4e4be4adeeca4569n,
  info: 0x4e49ab68b596ba78n,
} as const;

/** Headers longer than this carry a checksum of their own. */
export const longPacket = 4096;

/** What a frame's header says of itself. */
export const frameFlags = {
  key: 1,
  codedTime: 8,
  streamId: 16,
  sizeHigh: 32,
  checksum: 64,
  reserved: 128,
  /** Data beside the frame's own stands in front of it (version 4): the alpha of VP9 as ffmpeg keeps it. */
  sideData: 256,
  headerIndex: 1024,
  matchTime: 2048,
  coded: 4096,
  invalid: 8192,
} as const;

/** NUT's name of each packed RGB format. */
export const fourCharacterCodes = {
  rgb24: "RGB\x18",
  rgba: "RGBA",
  rgb48le: "RGB\x30",
  rgba64le: "RBA\x40",
} as const;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x80000000 ? 0x04c11db7 : 0);
  return crc >>> 0;
});

/** CRC-32 with polynomial 04C11DB7, start 0, bits not reflected, no final inversion: zlib's is another one. */
export function nutChecksum(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ (crcTable[((crc >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  return crc;
}
