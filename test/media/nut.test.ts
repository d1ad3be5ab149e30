import { describe, expect, it } from "vitest";
import { ByteSource } from "../../engine/media/byte-source.ts";
import { NutDamage } from "../../engine/media/nut-fields.ts";
import { type NutPacket, NutReader } from "../../engine/media/nut-reader.ts";
import { nutFrameHeader, nutHeader, rawVideo } from "../../engine/media/nut-writer.ts";

const video = {
  ...rawVideo("rgb24"),
  width: 4,
  height: 2,
  timeBase: { num: 1001, den: 30000 },
  sampleAspect: { num: 16, den: 15 },
  frameRate: 29.97,
};
const times = [0n, 1n, 127n, 128n, 90_000n, 2n ** 40n];
const pixels = (seed: number) => new Uint8Array(24).map((_, index) => index * seed);
const whole = Buffer.concat([
  nutHeader(video),
  ...times.flatMap((time, index) => [nutFrameHeader(time, 24, { key: index === 0, sideData: false }), pixels(index)]),
]);

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function readAll(bytes: Uint8Array, size = 1000): Promise<NutPacket[]> {
  const reader = new NutReader(new ByteSource(inPieces(bytes, size)));
  await reader.open();
  const packets: NutPacket[] = [];
  for (let packet = await reader.next(); packet; packet = await reader.next()) packets.push(packet);
  return packets;
}

describe("NUT", () => {
  it.each([1, 7, 1000])("is read as it was written, arriving in pieces of %i bytes", async (size) => {
    const packets = await readAll(whole, size);
    expect(packets.map((packet) => packet.time)).toEqual(times);
    expect(packets.map((packet) => packet.key)).toEqual([true, false, false, false, false, false]);
    expect(packets.map((packet) => packet.data)).toEqual(times.map((_, index) => pixels(index)));
    expect(packets[0]?.stream).toMatchObject({
      width: 4,
      height: 2,
      timeBase: video.timeBase,
      sampleAspect: video.sampleAspect,
    });
  });

  it("has no streams where there are no bytes", async () => {
    expect(await new NutReader(new ByteSource(inPieces(new Uint8Array(0), 1))).open()).toEqual([]);
  });

  it("tells a cut in any place from its end", async () => {
    const ends = new Set([nutHeader(video).length]);
    let length = nutHeader(video).length;
    for (const time of times) {
      const withSyncPoint = nutFrameHeader(time, 24).length;
      ends.add((length += withSyncPoint + 24));
    }
    for (let cut = 25; cut < whole.length; cut++) {
      const reading = readAll(whole.subarray(0, cut));
      // Whole packets in front of a frame may be the last ones of a file.
      const packets = await reading.catch((error: unknown) => error);
      if (ends.has(cut)) expect(packets).toBeInstanceOf(Array);
      else if (!Array.isArray(packets)) expect(packets).toBeInstanceOf(NutDamage);
      else expect(packets.length).toBeLessThan(times.length);
    }
  });

  it.each([
    ["other bytes", Buffer.from("RIFF and so on, long enough to be looked at")],
    ["a header with a flipped bit", flipped(40)],
  ])("refuses %s", async (_, bytes) => {
    await expect(readAll(bytes)).rejects.toBeInstanceOf(NutDamage);
  });
});

function flipped(place: number): Buffer {
  const bytes = Buffer.from(whole);
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
  return bytes;
}
