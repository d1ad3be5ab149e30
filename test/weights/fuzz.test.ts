import { describe, expect, it } from "vitest";
import { EngineError } from "../../engine/errors.ts";
import { parseGgufHead } from "../../engine/weights/checkpoint.ts";
import { parseSafetensors } from "../../engine/weights/safetensors.ts";
import { scalesInRows } from "../../engine/weights/block-scales.ts";
import { parseMarker } from "../../engine/weights/layer-marker.ts";
import { weightsWith } from "../../engine/weights/network-weights.ts";
import type { Checkpoint } from "../../engine/weights/stored-tensor.ts";
import { ggufBytes, i32ArrayPair, safetensorsBytes, seededRandom } from "./checkpoint-bytes.ts";
import { layerFormats, storeLayer } from "./format-writers.ts";

const MUTATIONS = 10_000;
const SEED = 20_240_613;

const goodSafetensors = safetensorsBytes(
  {
    __metadata__: { kind: "test" },
    "blocks.0.a": { dtype: "F16", shape: [2, 3], data_offsets: [0, 12] },
    "blocks.0.b": { dtype: "F8_E5M2", shape: [5], data_offsets: [12, 17] },
  },
  new Uint8Array(17),
);
const goodGguf = ggufBytes({
  pairs: [i32ArrayPair("comfy.gguf.orig_shape.w", [4, 16])],
  tensors: [
    { name: "w", dims: [32, 2], type: 8, offset: 0 },
    { name: "v", dims: [8], type: 0, offset: 96 },
  ],
  data: new Uint8Array(128),
});

/** Bytes changed, cut out, repeated or cut off at random. */
function mutated(bytes: Uint8Array, random: () => number): Uint8Array {
  const copy = Buffer.from(bytes);
  const at = Math.floor(random() * copy.length);
  const interesting = [0, 1, 0x22, 0x5b, 0x7b, 0x7f, 0x80, 0xff, Math.floor(random() * 256)];
  for (let changes = Math.ceil(random() * 4); changes > 0; changes--) {
    copy[Math.floor(random() * copy.length)] = interesting[Math.floor(random() * interesting.length)] as number;
  }
  const kind = random();
  if (kind < 0.6) return copy;
  if (kind < 0.75) return copy.subarray(0, at);
  const end = at + Math.floor(random() * 16);
  return kind < 0.9
    ? Buffer.concat([copy.subarray(0, at), copy.subarray(end)])
    : Buffer.concat([copy.subarray(0, end), copy.subarray(at)]);
}

/** A layer of each format with markers and scales, all in one file. */
function goodLayers(): Uint8Array {
  const values = Float32Array.from({ length: 64 }, (_, i) => i - 20);
  const tensors = layerFormats.flatMap((format) => [
    ...storeLayer(format, format, { rows: 4, columns: 16, values }, 16).tensors,
  ]);
  let at = 0;
  const entries = tensors.map(([name, { type, shape, bytes }]) => {
    at += bytes.length;
    return [name, { dtype: type, shape, data_offsets: [at - bytes.length, at] }];
  });
  return safetensorsBytes(Object.fromEntries(entries), Buffer.concat(tensors.map(([, { bytes }]) => bytes)));
}

/** Opens a file with its markers and its scales; the latter must be read within their tensors. */
function parseLayers(bytes: Uint8Array): Checkpoint {
  const checkpoint = parseSafetensors({ path: "fuzz", bytes, size: bytes.length });
  const markers = [...checkpoint.tensors.values()].filter(({ name }) => name.endsWith(".comfy_quant"));
  const read = markers.map(({ name, offset, length }) => [name, bytes.subarray(offset, offset + length)] as const);
  for (const { shape, runs } of weightsWith(checkpoint, new Map(read)).values()) {
    if (!runs) continue;
    const {
      offset,
      length,
      shape: [rows = 0, count = 0],
    } = runs.step;
    expect(rows * runs.length * count).toBe(shape[0]! * shape[1]!);
    const wanted = { from: 0, to: rows, runs: count };
    const codes = scalesInRows(bytes.subarray(offset, offset + length), wanted);
    expect(codes).toHaveLength(rows * count);
  }
  return checkpoint;
}

/** Damage to markers alone, whose JSON is small among the file's bytes. */
function mutatedMarkers(random: () => number): void {
  const good = Buffer.from('{"format": "int8_tensorwise", "convrot": true, "convrot_groupsize": 256}');
  const { format } = parseMarker("fuzz", "l.comfy_quant", mutated(good, random));
  expect(["float8_e4m3fn", "int8_tensorwise", "mxfp8", "nvfp4"]).toContain(format);
}

describe.each<[string, Uint8Array, (bytes: Uint8Array) => Checkpoint | undefined]>([
  ["safetensors", goodSafetensors, (bytes) => parseSafetensors({ path: "fuzz", bytes, size: bytes.length })],
  ["GGUF", goodGguf, (bytes) => parseGgufHead({ path: "fuzz", bytes, size: bytes.length })],
  ["layer formats'", goodLayers(), parseLayers],
])("%s files with random damage", (_, good, parse) => {
  it("are refused as malformed or read within their bounds", () => {
    const random = seededRandom(SEED);
    const outcomes = { read: 0, refused: 0 };
    for (let i = 0; i < MUTATIONS; i++) {
      const bytes = mutated(good, random);
      try {
        for (const { offset, length } of parse(bytes)?.tensors.values() ?? []) {
          expect(offset + length).toBeLessThanOrEqual(bytes.length);
        }
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        expect(error.code).toBe("checkpoint_malformed");
        outcomes.refused++;
      }
    }
    expect(outcomes.refused).toBeGreaterThan(MUTATIONS / 10);
    expect(outcomes.read).toBeGreaterThan(0);
  });
});

it("markers with random damage are refused as malformed or say a known format", () => {
  const random = seededRandom(SEED);
  let refused = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    try {
      mutatedMarkers(random);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      expect(error.code).toBe("checkpoint_malformed");
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(MUTATIONS / 10);
  expect(refused).toBeLessThan(MUTATIONS);
});
