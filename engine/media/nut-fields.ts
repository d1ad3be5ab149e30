import { nutChecksum } from "./nut-format.ts";

/** The bytes ended in the middle of something, or are not NUT. Told apart from a regular end by the caller. */
export class NutDamage extends Error {
  override readonly name = "NutDamage";
}

/** The payload of a NUT packet, read field by field. */
export class NutFields {
  private readonly bytes: Uint8Array;
  private position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** An unsigned number in base 128. */
  big(): bigint {
    let value = 0n;
    for (;;) {
      const byte = this.next();
      value = (value << 7n) | BigInt(byte & 127);
      if (byte < 128) return value;
    }
  }

  number(): number {
    return safeNumber(this.big());
  }

  /** A signed number: 0, 1, −1, 2, −2 … in this order. */
  signed(): number {
    const folded = this.number() + 1;
    return folded % 2 === 1 ? -Math.floor(folded / 2) : folded / 2;
  }

  data(): Uint8Array {
    const length = this.number();
    const data = this.bytes.subarray(this.position, this.position + length);
    if (data.length < length) throw new NutDamage("a field reaches over the end of its packet");
    this.position += length;
    return data;
  }

  /** All that was not read yet. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.position);
  }

  private next(): number {
    const byte = this.bytes[this.position++];
    if (byte === undefined) throw new NutDamage("a packet ends in the middle of a field");
    return byte;
  }
}

/** A number from outside as an exact one; what is beyond that is no size, count or index. */
export function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new NutDamage("a number is too large");
  return Number(value);
}

/** A packet's payload without the checksum it ends with, checked. */
export function checkedPayload(packet: Uint8Array): NutFields {
  if (packet.length < 4) throw new NutDamage("a packet is too short");
  // The checksum of bytes followed by their own checksum is 0.
  if (nutChecksum(packet) !== 0) throw new NutDamage("a packet's checksum is wrong");
  return new NutFields(packet.subarray(0, packet.length - 4));
}
