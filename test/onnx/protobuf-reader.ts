/**
 * Reads protocol buffers without knowing their messages: an independent check of what the graph builder writes. Every
 * field is a list, because fields may repeat.
 */
export type Fields = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

export function readFields(bytes: Uint8Array): Fields {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("A varint is cut off.");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (count: number) => {
    if (at + count > bytes.length) throw new Error("A field is longer than its message.");
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    if (wire !== 0 && wire !== 2 && wire !== 5) throw new Error(`Wire type ${wire} is not used by ONNX models.`);
    const value = wire === 0 ? varint() : take(wire === 2 ? Number(varint()) : 4);
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

export function texts(fields: Fields, field: number): string[] {
  return (fields.get(field) ?? []).map((value) => Buffer.from(value as Uint8Array).toString("utf8"));
}

export function numbers(fields: Fields, field: number): number[] {
  return (fields.get(field) ?? []).map((value) => Number(BigInt.asIntN(64, value as bigint)));
}

export function messages(fields: Fields, field: number): Fields[] {
  return (fields.get(field) ?? []).map((value) => readFields(value as Uint8Array));
}
