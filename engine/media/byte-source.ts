/**
 * Bytes of a stream, asked for in exact amounts. Reads no further than it is asked, so that a slow consumer holds the
 * producer back through the pipe.
 */
export class ByteSource {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);
  private position = 0;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  /** The next byte, or null at the end. */
  async byte(): Promise<number | null> {
    if (this.position >= this.chunk.length && !(await this.fill())) return null;
    return this.chunk[this.position++] ?? null;
  }

  /** The next `count` bytes in memory of their own; fewer only where the stream ends. */
  async take(count: number): Promise<Uint8Array<ArrayBuffer>> {
    // Not zeroed, because all of it is filled; frames are large.
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(count).buffer);
    let filled = 0;
    while (filled < count) {
      if (this.position >= this.chunk.length && !(await this.fill())) return bytes.slice(0, filled);
      const part = this.chunk.subarray(this.position, this.position + count - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.position += part.length;
    }
    return bytes;
  }

  private async fill(): Promise<boolean> {
    for (;;) {
      const next = await this.chunks.next();
      if (next.done) return false;
      if (next.value.length === 0) continue;
      this.chunk = next.value;
      this.position = 0;
      return true;
    }
  }
}
