/** Numbers in [0, 1) from a seed, the same on every machine (mulberry32, public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Random = () => number;
type Mutation = (bytes: Buffer, random: Random) => Buffer;

/** Headers of all formats here end before this. */
const headerBytes = 400;
const telling = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

const below = (random: Random, count: number) => Math.floor(random() * count);

/** A stretch somewhere in the file, up to a quarter of it. */
function stretch(bytes: Buffer, random: Random): Buffer {
  const start = below(random, bytes.length);
  return bytes.subarray(start, start + 1 + below(random, bytes.length / 4));
}

const inserted = (bytes: Buffer, at: number, part: Buffer) =>
  Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);

const mutations: Readonly<Record<string, Mutation>> = {
  "bytes changed": (bytes, random) => {
    for (let changes = 1 + below(random, 8); changes > 0; changes--)
      bytes[below(random, bytes.length)] = below(random, 256);
    return bytes;
  },
  "bits flipped": (bytes, random) => {
    for (let changes = 1 + below(random, 16); changes > 0; changes--) {
      const at = below(random, bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
    }
    return bytes;
  },
  "a number in the header changed": (bytes, random) => {
    const at = below(random, Math.min(headerBytes, bytes.length - 4));
    bytes.writeUInt32BE(telling[below(random, telling.length)] ?? 0, at);
    return bytes;
  },
  "a byte of the header changed": (bytes, random) => {
    bytes[below(random, Math.min(headerBytes, bytes.length))] = below(random, 256);
    return bytes;
  },
  "cut off": (bytes, random) => bytes.subarray(0, 1 + below(random, bytes.length - 1)),
  "a stretch doubled": (bytes, random) => inserted(bytes, below(random, bytes.length), stretch(bytes, random)),
  "a stretch taken out": (bytes, random) => {
    const part = stretch(bytes, random);
    const start = part.byteOffset - bytes.byteOffset;
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + part.length)]);
  },
  "a stretch of zeros": (bytes, random) => {
    stretch(bytes, random).fill(0);
    return bytes;
  },
};

/** One of the mutations, in a copy; which one and where is decided by `random`. */
export function mutated(good: Uint8Array, random: Random): { kind: string; bytes: Buffer } {
  const names = Object.keys(mutations);
  const kind = names[below(random, names.length)] ?? "";
  const bytes = mutations[kind]?.(Buffer.from(good), random) ?? Buffer.from(good);
  return { kind, bytes };
}
