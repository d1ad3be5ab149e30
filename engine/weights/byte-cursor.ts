/** Thrown by a cursor at the end of the bytes it was given; the file may hold more. */
export class EndOfBytes extends Error {
  override readonly name = "EndOfBytes";
}

/** Reads little-endian values one after the other, never past the end of its bytes: it throws `EndOfBytes` there. */
export class ByteCursor {
  position = 0;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8 = (): number => this.#view.getUint8(this.#advance(1));
  i8 = (): number => this.#view.getInt8(this.#advance(1));
  u16 = (): number => this.#view.getUint16(this.#advance(2), true);
  i16 = (): number => this.#view.getInt16(this.#advance(2), true);
  u32 = (): number => this.#view.getUint32(this.#advance(4), true);
  i32 = (): number => this.#view.getInt32(this.#advance(4), true);
  f32 = (): number => this.#view.getFloat32(this.#advance(4), true);
  f64 = (): number => this.#view.getFloat64(this.#advance(8), true);
  /** As a double: exact below 2^53, and anything above is refused by its user. */
  u64 = (): number => Number(this.#view.getBigUint64(this.#advance(8), true));
  i64 = (): number => Number(this.#view.getBigInt64(this.#advance(8), true));

  /** A view of the next `count` bytes. */
  take(count: number): Uint8Array {
    const from = this.#advance(count);
    return this.#bytes.subarray(from, from + count);
  }

  #advance(count: number): number {
    const from = this.position;
    if (!(count <= this.#bytes.length - from)) throw new EndOfBytes();
    this.position = from + count;
    return from;
  }
}
