/**
 * Writes protocol buffers: varints, length-delimited fields, floats (protobuf.dev/programming-guides/encoding). Pieces
 * are kept in a list and joined once, so that large tensors are copied a single time.
 */
export class ProtoWriter {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  int(field: number, value: number | bigint): this {
    return this.#push(varint(field << 3)).#push(varint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(varint((field << 3) | 5)).#push(bytes);
  }

  bytes(field: number, bytes: Uint8Array): this {
    return this.#push(varint((field << 3) | 2))
      .#push(varint(bytes.length))
      .#push(bytes);
  }

  text(field: number, text: string): this {
    return this.bytes(field, Buffer.from(text, "utf8"));
  }

  message(field: number, message: ProtoWriter): this {
    this.#push(varint((field << 3) | 2)).#push(varint(message.#length));
    for (const piece of message.#pieces) this.#push(piece);
    return this;
  }

  /** All that was written, in one array. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }

  #push(piece: Uint8Array): this {
    this.#pieces.push(piece);
    this.#length += piece.length;
    return this;
  }
}

/** What most fields and lengths are: a model has hundreds of thousands. */
const oneByte = Array.from({ length: 128 }, (_, value) => Uint8Array.of(value));

/** Seven bits a byte, lowest first; negative numbers as 64-bit two's complement. */
function varint(value: number | bigint): Uint8Array {
  const short = oneByte[Number(value)];
  if (short) return short;
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
