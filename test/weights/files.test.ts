import { mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openNetworkFile } from "../../engine/seedvr2/weight-file.ts";
import { openCheckpoint } from "../../engine/weights/checkpoint.ts";
import { readValues } from "../../engine/weights/decode.ts";
import { openPromptEmbedding } from "../../engine/weights/prompt-embedding.ts";
import { f32Data, writeSafetensors } from "../../engine/weights/safetensors-writer.ts";
import { ggufBytes, safetensorsBytes } from "./checkpoint-bytes.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "seedvr2-weights-"));
});
afterEach(() => rm(folder, { recursive: true }));

const place = async (name: string, bytes: Uint8Array) => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
};

describe("checkpoint files", () => {
  it("are told by content, whatever their names", async () => {
    expect((await openCheckpoint(await place("a.gguf", safetensorsBytes({})))).format).toBe("safetensors");
    expect((await openCheckpoint(await place("b.safetensors", ggufBytes({})))).format).toBe("gguf");
  });

  it("are read behind links, at their real place", async () => {
    const real = await place("blob", safetensorsBytes({}));
    await symlink(real, join(folder, "link.safetensors"));
    expect((await openCheckpoint(join(folder, "link.safetensors"))).path).toBe(real);
  });

  it("come back as they were written", async () => {
    const path = join(folder, "out.safetensors");
    const values = Float32Array.of(1.5, -2, 3e-9);
    await writeSafetensors(path, new Map([["v", f32Data([3, 1], values)]]));
    const tensor = (await openCheckpoint(path)).tensors.get("v");
    expect(tensor?.shape).toEqual([3, 1]);
    expect(tensor && (await readValues(tensor))).toEqual(values);
  });

  it("that became shorter after opening are reported, not read past", async () => {
    const path = join(folder, "short.safetensors");
    await writeSafetensors(path, new Map([["v", f32Data([64], new Float32Array(64))]]));
    const tensor = (await openCheckpoint(path)).tensors.get("v");
    await truncate(path, 100);
    await expect(tensor && readValues(tensor)).rejects.toMatchObject({ code: "checkpoint_malformed" });
  });
});

describe("scaled fp8 weights", () => {
  const codes = Uint8Array.of(0x38, 0x40, 0xb8, 0x30); // 1, 2, −1, 0.5
  const file = (scale: object, extra: object = {}, data: Uint8Array = new Uint8Array()) =>
    safetensorsBytes(
      { "l.weight": { dtype: "F8_E4M3", shape: [2, 2], data_offsets: [0, 4] }, ...scale, ...extra },
      Buffer.concat([codes, Buffer.from(Float32Array.of(3, 10).buffer), data]),
    );

  it.each([
    ["one scale", "l.weight_scale", [], [0, 1].map((i) => 4 + 4 * i), [3, 6, -3, 1.5]],
    ["an older name", "l.scale_weight", [1], [4, 8], [3, 6, -3, 1.5]],
    ["a scale for each row", "l.weight_scale", [2, 1], [4, 12], [3, 6, -10, 5]],
  ])("with %s stand for code · scale", async (_, name, shape, offsets, values) => {
    const path = await place("s.safetensors", file({ [name]: { dtype: "F32", shape, data_offsets: offsets } }));
    const { weights, read } = await openNetworkFile(path);
    const weight = weights.get("l.weight");
    expect([...weights.keys()]).toEqual(["l.weight"]);
    expect(weight && [...(await read(weight))]).toEqual(values);
  });

  it.each([
    ["a marker of a format nobody here reads", '{"format": "int3"}', /format in l.comfy_quant is int3/],
    ["a marker that is no JSON", "{{", /l.comfy_quant is/],
  ])("with %s are refused by its name", async (_, text, message) => {
    const marker = Buffer.from(text);
    const entry = { "l.comfy_quant": { dtype: "U8", shape: [marker.length], data_offsets: [12, 12 + marker.length] } };
    await expect(openNetworkFile(await place("m.safetensors", file({}, entry, marker)))).rejects.toThrow(message);
  });

  it("without the weight that a scale is for are refused", async () => {
    const header = { "l.weight_scale": { dtype: "F32", shape: [], data_offsets: [0, 4] } };
    const path = await place("w.safetensors", safetensorsBytes(header, new Uint8Array(4)));
    await expect(openNetworkFile(path)).rejects.toThrow(/l.weight_scale is without a weight/);
  });
});

/** A zip of one stored record, as torch.save writes it. */
function zipBytes(name: string, data: Buffer, method = 0): Buffer {
  const fields = (sizes: [number, 2 | 4][]) =>
    Buffer.concat(
      sizes.map(([value, size]) => {
        const bytes = Buffer.alloc(size);
        bytes.writeUIntLE(value, 0, size);
        return bytes;
      }),
    );
  const shared: [number, 2 | 4][] = [
    [0, 2],
    [method, 2],
    [0, 4],
    [crc32(data), 4],
    [data.length, 4],
    [data.length, 4],
  ];
  const padding = Buffer.alloc(5);
  const local = Buffer.concat([
    fields([[0x04034b50, 4], [20, 2], ...shared, [name.length, 2], [padding.length, 2]]),
    Buffer.from(name),
    padding,
    data,
  ]);
  const entry = Buffer.concat([
    fields([
      [0x02014b50, 4],
      [20, 2],
      [20, 2],
      ...shared,
      [name.length, 2],
      [0, 2],
      [0, 2],
      [0, 2],
      [0, 2],
      [0, 4],
      [0, 4],
    ]),
    Buffer.from(name),
  ]);
  const end = fields([
    [0x06054b50, 4],
    [0, 2],
    [0, 2],
    [1, 2],
    [1, 2],
    [entry.length, 4],
    [local.length, 4],
    [0, 2],
  ]);
  return Buffer.concat([local, entry, end]);
}

describe("a prompt embedding in a .pt file", () => {
  const rows = Buffer.from(Uint16Array.of(0x3f80, 0x4000, 0xc040, 0).buffer); // 1, 2, −3, 0

  it("is found in place, without its pickle", async () => {
    const path = await place("pos_emb.pt", zipBytes("pos_emb/data/0", rows));
    const tensor = await openPromptEmbedding(path, 2);
    expect(tensor.shape).toEqual([2, 2]);
    expect([...(await readValues(tensor))]).toEqual([1, 2, -3, 0]);
  });

  it.each<[string, Buffer, number, RegExp]>([
    ["that is no zip", Buffer.from("not a zip at all, but long enough"), 2, /no zip directory/],
    ["without the record", zipBytes("pos_emb/data.pkl", rows), 2, /none called data\/0/],
    ["that is compressed", zipBytes("pos_emb/data/0", rows, 8), 2, /method 8/],
    ["of other columns", zipBytes("pos_emb/data/0", rows), 3, /multiple of 6 bytes/],
    [
      "with a directory outside the file",
      withDirectoryAt(zipBytes("pos_emb/data/0", rows), 2 ** 31),
      2,
      /zip directory/,
    ],
    ["with a cut directory", zipBytes("pos_emb/data/0", rows).subarray(20), 2, /zip|header/],
  ])("%s is refused", async (_, bytes, columns, text) => {
    const path = await place("bad.pt", bytes);
    await expect(openPromptEmbedding(path, columns)).rejects.toThrow(text);
  });
});

function withDirectoryAt(bytes: Buffer, offset: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(offset, copy.length - 6);
  return copy;
}
